"""Which differences between rows are more than chance: a paired bootstrap over test texts and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.ablation.run_result import RunResult
from training.ablation.summary import RowSummary
from training.scoring.bootstrap import paired_difference, resample
from training.scoring.counts import Floats, micro_f1, micro_recall

TASKS = {"entity_f1": micro_f1, "sentiment_accuracy": micro_recall}

QUESTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Characters", (("E", "C"), ("A", "B"), ("F", "D"))),
    ("Syntax (GCN and SynLSTM)", (("E", "F"), ("C", "D"))),
    ("An encoder of its own for sentiment", (("A", "E"), ("B", "C"))),
    ("CRF", (("F", "F-softmax"), ("E", "E-softmax"))),
    ("IOBES", (("F-iobes", "F"), ("E-iobes", "E"))),
    ("Dropout on token features", (("F", "F-dropout0"), ("E", "E-dropout0"))),
)
"""What is asked, and by which pairs (with, without)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first row's mean score minus the second's, with its interval, as shares of one."""

    first: str
    second: str
    task: str
    mean: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def compare(
    rows: Mapping[str, RowSummary], pair: tuple[str, str], data: Mapping[str, Any]
) -> dict[str, Difference]:
    """The difference of a pair for each task that the test corpora have."""
    differences: dict[str, Difference] = {}
    for task, measure in TASKS.items():
        first_runs, second_runs = (_outcomes(rows[name].runs, task, data) for name in pair)
        if not first_runs:
            continue
        weights = resample(len(first_runs[0]))
        low, high = paired_difference(first_runs, second_runs, weights, measure=measure)
        first, second = (rows[name].test[task].mean for name in pair)
        differences[task] = Difference(
            first=pair[0], second=pair[1], task=task, mean=first - second, low=low, high=high
        )
    return differences


def _outcomes(runs: Sequence[RunResult], task: str, data: Mapping[str, Any]) -> list[Floats]:
    """(N, 3, 1) counts of each run on the first test corpus of a task."""
    corpora = [name for name, corpus in data["test"].items() if corpus["is_tagged"] == (task == "entity_f1")]
    return [_counts(data["test"][corpora[0]]["gold"], run.imperfect[corpora[0]]) for run in runs if corpora]


def _counts(gold: Sequence[int], imperfect: Sequence[Sequence[int]]) -> Floats:
    counts = np.repeat(np.array(gold, dtype=float)[:, None], 3, axis=1)
    for text, predicted, right in imperfect:
        counts[text, 1:] = predicted, right
    return counts[:, :, None]
