"""The runs of each row condensed to means and spreads."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.ablation.rows import ROWS
from training.ablation.run_result import RunResult
from training.network.dev_scores import mean_score

SCORES = ("entity_f1", "token_weighted_f1", "sentiment_accuracy", "sentiment_macro_f1")


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over seeds, and the standard deviation (0 where there is one seed)."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """One row over its seeds; rates are posts a second, None where they were not measured."""

    name: str
    what: str
    runs: Sequence[RunResult]
    dev: Mapping[str, Spread]
    test: Mapping[str, Spread]
    num_parameters: int
    """Word vectors left out."""
    annotator_rate: float | None
    network_rate: float | None


def summarise(results: Sequence[RunResult], speed: Mapping[str, Any]) -> dict[str, RowSummary]:
    """Every row that has a run, in the order of `ROWS`."""
    rates = speed.get("posts_per_second", {})
    by_row = {name: [result for result in results if result.row == name] for name in ROWS}
    return {name: _summarise(name, runs, rates.get(name, {})) for name, runs in by_row.items() if runs}


def _summarise(name: str, runs: Sequence[RunResult], rates: Mapping[str, float]) -> RowSummary:
    return RowSummary(
        name=name,
        what=ROWS[name].what,
        runs=runs,
        dev={score: spread_of([mean_score(run.dev, score) for run in runs]) for score in SCORES},
        test={score: spread_of([mean_score(run.test, score) for run in runs]) for score in SCORES},
        num_parameters=runs[0].num_parameters["without_word_vectors"],
        annotator_rate=rates.get("annotator"),
        network_rate=rates.get("network"),
    )


def spread_of(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of a score over seeds."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)
