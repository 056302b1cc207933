"""What is kept of one finished run: a JSON file small enough to live in the repository."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from training.errors import AblationError
from training.scoring.counts import LabelCounts

FOLDER = "runs"


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
    """Where a run's result lies."""
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
        raise AblationError(f"{path}: no result of a run ({error!r}); delete it to run it again") from error


def read_results(output: Path) -> list[RunResult]:
    """All results of a folder; raises AblationError where one is damaged or they don't compare."""
    results = [read_result(path) for path in sorted((output / FOLDER).glob("*.json"))]
    by_row: dict[str, str] = {}
    for result in results:
        if by_row.setdefault(result.row, result.settings) != result.settings:
            raise AblationError(
                f"{output}: runs of {result.row} have different settings; delete the old ones"
            )
    return results


def imperfect_texts(counts: LabelCounts) -> list[list[int]]:
    """[text, predicted, right] of the texts in which something is missed or wrong."""
    gold, predicted, right = counts.per_text.sum(axis=2).astype(int).T.tolist()
    return [
        [text, predicted[text], right[text]]
        for text in range(len(gold))
        if not gold[text] == predicted[text] == right[text]
    ]
