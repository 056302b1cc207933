"""The paper's Figures 2 and 3 redrawn from data, learning curves, and the trade-off of quality against speed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.ablation.comparison import Choice, is_on_front
from training.ablation.data import SPLITS
from training.ablation.paper import TABLE_3
from training.ablation.results import RowSummary

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
MAX_LENGTH_SHOWN = 60

Rows = Mapping[str, RowSummary]


def draw_lengths(data: Mapping[str, Any], path: Path) -> None:
    """The paper's Figure 2: how long the sentences of each split are."""
    figure, [axes] = _figure(1)
    for split, colour in zip(SPLITS, COLOURS, strict=False):
        histogram = data["splits"][split]["lengths"]["histogram"]
        counts = np.zeros(MAX_LENGTH_SHOWN + 1)
        for length, number in histogram.items():
            counts[min(int(length), MAX_LENGTH_SHOWN)] += number
        axes.step(
            np.arange(len(counts)),
            100 * counts / max(counts.sum(), 1),
            where="mid",
            color=colour,
            label=split,
        )
    axes.set_xlabel(f"tokens in a sentence (last: {MAX_LENGTH_SHOWN} and more)")
    axes.set_ylabel("% of the split's sentences")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_scores(rows: Rows, path: Path) -> None:
    """The paper's Figure 3 beside ours. The two are scored on different labels, so only their orders compare."""
    figure, panels = _figure(3)
    letters = [name for name in rows if "-" not in name]
    for axes, (title, score, column) in zip(
        panels,
        (
            ("entity F1, strict, %", "entity_f1", None),
            ("F1 over tokens, O included, %", "token_weighted_f1", 0),
            ("sentiment accuracy, %", "sentiment_accuracy", 1),
        ),
        strict=True,
    ):
        spreads = [rows[name].test[score] for name in letters]
        axes.errorbar(
            letters,
            [100 * spread.mean for spread in spreads],
            [100 * spread.deviation for spread in spreads],
            fmt="o",
            color=COLOURS[0],
            capsize=4,
            label="ours, mean and deviation",
        )
        printed = [name for name in letters if name in TABLE_3]
        if column is not None and printed:
            values = [TABLE_3[name][column] for name in printed]
            axes.plot(printed, values, "D", color=COLOURS[1], label="the paper")
        axes.set_title(title)
    panels[1].legend(frameon=False)
    _save(figure, path)


def draw_curves(rows: Rows, path: Path) -> None:
    """Losses and dev scores by epoch, means over seeds."""
    figure, panels = _figure(4)
    letters = [name for name in rows if "-" not in name]
    for axes, (title, key) in zip(
        panels,
        (
            ("entity loss", "entity_loss"),
            ("sentiment loss", "sentiment_loss"),
            ("dev entity F1, %", "entity_f1"),
            ("dev sentiment accuracy, %", "sentiment_accuracy"),
        ),
        strict=True,
    ):
        for name, colour in zip(letters, COLOURS, strict=False):
            curve = _curve(rows[name], key)
            axes.plot(np.arange(1, len(curve) + 1), curve, marker="o", markersize=3, color=colour, label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].legend(frameon=False)
    _save(figure, path)


def draw_trade_off(rows: Rows, choice: Choice, path: Path) -> None:
    """Entity F1 against posts a second; the line joins the rows that no other beats at both."""
    figure, [axes] = _figure(1)
    measured = {name: row for name, row in rows.items() if row.annotator_rate}
    fastest = max((row.annotator_rate or 0 for row in measured.values()), default=0.0)
    for name, row in measured.items():
        f1, rate = row.test["entity_f1"], row.annotator_rate or 0.0
        colour = COLOURS[1] if name == choice.simplest else COLOURS[0]
        axes.errorbar(rate, 100 * f1.mean, 100 * f1.deviation, fmt="o", color=colour, capsize=3)
        # Fast rows stand close together: the names of those behind the front go to the left, because there is room.
        is_left = rate > fastest / 2 and not is_on_front(measured, name)
        axes.annotate(
            name,
            (rate, 100 * f1.mean),
            textcoords="offset points",
            xytext=(-6 if is_left else 6, 5),
            ha="right" if is_left else "left",
            color=colour,
        )
    front = sorted(
        (row.annotator_rate or 0, row.test["entity_f1"].mean)
        for n, row in measured.items()
        if is_on_front(measured, n)
    )
    axes.plot([rate for rate, _ in front], [100 * f1 for _, f1 in front], color="#bbbbbb", zorder=0)
    axes.set_xlabel("posts a second, text in to annotation out, one thread")
    axes.set_ylabel("entity F1 on test, strict, %")
    _save(figure, path)


def _curve(row: RowSummary, key: str) -> list[float]:
    values = [[_epoch_value(epoch, key) for epoch in run.epochs] for run in row.runs]
    shortest = min(map(len, values))
    return [float(np.mean([of_run[index] for of_run in values])) for index in range(shortest)]


def _epoch_value(epoch: Mapping[str, Any], key: str) -> float:
    if key in epoch:
        return float(epoch[key]) if epoch[key] is not None else float("nan")
    values = [scores[key] for scores in epoch["dev"].values() if key in scores]
    return 100 * float(np.mean(values)) if values else float("nan")


def _figure(num_panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4 * num_panels + (2 if num_panels == 1 else 0), 3.6), layout="constrained")
    panels = figure.subplots(1, num_panels, squeeze=False)[0].tolist()
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date and versions in it, the same data give the same file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
