"""The report of an ablation: Markdown whose every figure and verdict comes from the results beside it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.ablation import figures, findings
from training.ablation.comparison import Choice, choose
from training.ablation.data import data_sections
from training.ablation.paper import TABLE_3
from training.ablation.results import RowSummary, RunResult, Spread, summarise
from training.errors import AblationError

REPORT_FILE = "README.md"
FIGURES = "figures"


def write_report(
    output: Path, results: Sequence[RunResult], data: Mapping[str, Any], speed: Mapping[str, Any]
) -> None:
    """Write the report and its figures; raises AblationError if there is nothing to report."""
    if not results or not data:
        raise AblationError(
            f"{output}: no results yet: run `python -m training ablation` without --report-only"
        )
    rows = summarise(results, speed)
    choice = choose(rows)
    folder = output / FIGURES
    figures.draw_lengths(data, folder / "figure2_sentence_lengths.png")
    figures.draw_scores(rows, folder / "figure3_scores.png")
    figures.draw_curves(rows, folder / "learning_curves.png")
    figures.draw_trade_off(rows, choice, folder / "trade_off.png")
    sections = (
        _opening(rows, data),
        _table_3(rows, data),
        findings.differences(rows, data),
        findings.against_the_paper(rows, data),
        _simplest(rows, choice, data, speed),
        _curves(rows),
        data_sections(data),
    )
    text = "\n\n".join("\n".join(section) for section in sections)
    (output / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def _opening(rows: Mapping[str, RowSummary], data: Mapping[str, Any]) -> Iterator[str]:
    runs = [run for row in rows.values() for run in row.runs]
    seeds = sorted({len(row.runs) for row in rows.values()})
    recipe = runs[0].recipe
    yield "# Which parts of the network earn their cost"
    yield ""
    yield "Written by `python -m training ablation` from the JSON files beside it; don't edit."
    yield ""
    yield (
        f"{len(runs)} runs: {len(rows)} networks, {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} "
        f"{'seed' if seeds == [1] else 'seeds'} each, {recipe['num_epochs']} epochs at most, trained jointly on "
        f"{' and '.join(data['corpora']['train'])} ({recipe['sentiment_share']:.0%} of the sentiment texts an epoch). "
        "The best epoch by dev was kept and scored once on "
        f"{' and '.join(data['corpora']['test'])}. Entity F1 is strict (type and both borders, seqeval). "
        "Sentiment labels are by people; the paper's are by a classifier."
    )
    yield ""
    yield (
        f"Training took {sum(run.train_seconds for run in runs) / 3600:.1f} hours in all "
        f"({', '.join(f'{package} {version}' for package, version in runs[0].versions.items())})."
    )


def _table_3(rows: Mapping[str, RowSummary], data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Table 3 of the paper, and ours"
    yield ""
    yield "In percent, mean ± standard deviation over seeds, test split."
    yield ""
    yield (
        "| | network | seeds | entity F1 | token F1 with O | paper's NER F1 | sentiment accuracy | paper's SA acc. "
        "| parameters without word vectors |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, row in rows.items():
        paper = [f"{value:.2f}" for value in TABLE_3.get(name, ())] or ["", ""]
        yield (
            f"| {name} | {row.what} | {len(row.runs)} | {_percent(row.test['entity_f1'])} "
            f"| {_percent(row.test['token_weighted_f1'])} | {paper[0]} | {_percent(row.test['sentiment_accuracy'])} "
            f"| {paper[1]} | {row.num_parameters:,} |"
        )
    for phrase, scores in _baselines(data):
        yield (
            f"| | {phrase} | | {_share(scores, 'entity_f1')} | {_share(scores, 'token_weighted_f1')} | "
            f"| {_share(scores, 'sentiment_accuracy')} | | |"
        )
    yield ""
    yield (
        "The paper's NER F1 is taken over tokens with O included, so it stands beside that column of ours; its "
        "sentiment labels are another model's, so its accuracy compares with nothing here but its own order."
    )
    yield ""
    yield "![Scores by network](figures/figure3_scores.png)"


def _baselines(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, float]]]:
    phrases = {
        "all_outside": "guess: O for every token",
        "most_frequent_tag_of_word": "guess: each word's most frequent training tag",
        "majority_sentiment": "guess: the most frequent sentiment",
    }
    for corpus in data["test"].values():
        yield from ((phrases[name], scores) for name, scores in corpus["baselines"].items())


def _simplest(
    rows: Mapping[str, RowSummary], choice: Choice, data: Mapping[str, Any], speed: Mapping[str, Any]
) -> Iterator[str]:
    yield "## The simplest network that is good enough"
    yield ""
    yield from findings.choice_sentences(rows, choice, data)
    yield ""
    if not speed:
        yield "Speed was not measured."
        return
    fastest = max(row.annotator_rate or 0 for row in rows.values())
    yield "| | entity F1 | posts/s, text to annotation | of the fastest | posts/s, network alone | good enough |"
    yield "|---|---|---|---|---|---|"
    for name, row in sorted(rows.items(), key=lambda item: -(item[1].annotator_rate or 0)):
        rate = f"{row.annotator_rate:,.0f}" if row.annotator_rate else "not measured"
        ratio = f"{row.annotator_rate / fastest:.2f}" if row.annotator_rate else ""
        network = f"{row.network_rate:,.0f}" if row.network_rate else ""
        is_enough = "yes" if name in choice.good_enough else "no"
        yield f"| {name} | {_percent(row.test['entity_f1'])} | {rate} | {ratio} | {network} | {is_enough} |"
    yield ""
    yield (
        f"Measured side by side in one process ({speed['machine']}, CPU time, {speed['num_texts']:,} texts of "
        f"{speed['corpus']}, {speed['batch_texts']} a call, the best of {speed['rounds']} rounds; epochs that "
        f"the networks were trained: {speed['num_epochs']}): trust the ratios, not the figures. "
        "Networks with a SynLSTM pay for the parser in the first column, not in the network's own."
    )
    yield ""
    yield "![Entity F1 against posts a second](figures/trade_off.png)"


def _curves(rows: Mapping[str, RowSummary]) -> Iterator[str]:
    yield "## Learning curves"
    yield ""
    yield "![Losses and dev scores by epoch](figures/learning_curves.png)"
    yield ""
    best = ", ".join(
        f"{name} {'/'.join(str(run.best_epoch) for run in row.runs)}" for name, row in rows.items()
    )
    yield f"Best epochs by dev, a figure a seed: {best}."


def _percent(spread: Spread) -> str:
    return f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f}"


def _share(scores: Mapping[str, float], name: str) -> str:
    return f"{100 * scores[name]:.2f}" if name in scores else ""
