"""What is kept of finished runs, and the runs of each row condensed to means and spreads.

A run leaves a JSON file that is small enough to live in the repository.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from training.ablation.rows import ROWS
from training.errors import AblationError
from training.network.dev_scores import mean_score
from training.scoring.counts import LabelCounts

FOLDER = "runs"
SCORES = ("entity_f1", "token_weighted_f1", "sentiment_accuracy", "sentiment_macro_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One row trained with one seed.

    Attributes:
        row: name in `ROWS`.
        settings: hash of everything that decides the result but the seed; runs that differ don't compare.
        num_parameters: `all`, and `without_word_vectors`.
        epochs: losses and dev scores of each epoch, as in a run's metrics.jsonl.
        dev, test: scores by corpus, of the best epoch by dev, through the annotator.
        imperfect: by test corpus, [text, predicted, right] of each text whose labels are not all right.
    """

    row: str
    seed: int
    settings: str
    recipe: Mapping[str, Any]
    model: Mapping[str, Any]
    versions: Mapping[str, str]
    num_parameters: Mapping[str, int]
    best_epoch: int
    train_seconds: float
    epochs: Sequence[Mapping[str, Any]]
    dev: Mapping[str, Mapping[str, float]]
    test: Mapping[str, Mapping[str, float]]
    imperfect: Mapping[str, Sequence[Sequence[int]]]

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"{self.row}-seed{self.seed}"


def result_path(output: Path, row: str, seed: int) -> Path:
    """Return the file of a run's result."""
    return output / FOLDER / f"{row}-seed{seed}.json"


def write_result(output: Path, result: RunResult) -> None:
    """Keep a result; the file appears whole or not at all."""
    path = result_path(output, result.row, result.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(orjson.dumps(asdict(result)) + b"\n")
    beside.replace(path)


def read_result(path: Path) -> RunResult:
    """Read what `write_result` wrote; raises AblationError."""
    try:
        values = orjson.loads(path.read_bytes())
        return RunResult(**{field.name: values[field.name] for field in fields(RunResult)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AblationError(
            f"{path}: not a result of a run ({error!r}): delete it to make the run again"
        ) from error


def read_results(output: Path) -> list[RunResult]:
    """Read all results of a folder; raises AblationError if one is damaged or they don't compare."""
    results = [read_result(path) for path in sorted((output / FOLDER).glob("*.json"))]
    by_row: dict[str, str] = {}
    for result in results:
        if by_row.setdefault(result.row, result.settings) != result.settings:
            raise AblationError(
                f"{output}: runs of {result.row} have different settings; delete the old ones"
            )
    return results


def imperfect_texts(counts: LabelCounts) -> list[list[int]]:
    """Return [text, predicted, right] for each text in which something is missed or wrong."""
    gold, predicted, right = counts.per_text.sum(axis=2).astype(int).T.tolist()
    return [
        [text, predicted[text], right[text]]
        for text in range(len(gold))
        if not gold[text] == predicted[text] == right[text]
    ]


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over seeds, and the standard deviation (0 if there is one seed)."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """One row over its seeds; rates are posts a second, None if they were not measured."""

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
    """Return a summary of every row that has a run, in the order of `ROWS`."""
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
    """Return mean and standard deviation of a score over seeds."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)
