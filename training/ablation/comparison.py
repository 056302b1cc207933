"""Which differences between rows are more than chance, and which row is the simplest that is good enough.

Differences: a paired bootstrap over test texts and seeds.

The choice follows a rule that is fixed before anything is trained. Good enough is a row whose mean dev scores lie at
most `MAX_ENTITY_LOSS` below the best row's entity F1 and at most `MAX_SENTIMENT_LOSS` below the best row's sentiment
accuracy. Of those, the simplest is the one that annotates most posts a second (if speed was not measured: the one with
the fewest parameters). Test scores take no part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.ablation.results import RowSummary, RunResult
from training.scoring.bootstrap import paired_difference, resample
from training.scoring.counts import Floats, micro_f1, micro_recall

MAX_ENTITY_LOSS = 0.005
MAX_SENTIMENT_LOSS = 0.01

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
    """Return the difference of a pair for each task that the test corpora have."""
    differences: dict[str, Difference] = {}
    for task, measure in TASKS.items():
        first_runs, second_runs = (_counts_of_runs(rows[name].runs, task, data) for name in pair)
        if not first_runs:
            continue
        weights = resample(len(first_runs[0]))
        low, high = paired_difference(first_runs, second_runs, weights, measure=measure)
        first, second = (rows[name].test[task].mean for name in pair)
        differences[task] = Difference(
            first=pair[0], second=pair[1], task=task, mean=first - second, low=low, high=high
        )
    return differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names of rows: the best by dev entity F1 and sentiment accuracy, all that are good enough, the simplest."""

    best_entities: str
    best_sentiment: str
    good_enough: Sequence[str]
    simplest: str


def choose(rows: Mapping[str, RowSummary]) -> Choice:
    """Apply the rule; if no row is good enough at both tasks, those that are good enough at entities count."""
    names = list(rows)
    best_entities = max(names, key=lambda name: rows[name].dev["entity_f1"].mean)
    best_sentiment = max(names, key=lambda name: rows[name].dev["sentiment_accuracy"].mean)
    near_entities = _near(rows, "entity_f1", MAX_ENTITY_LOSS)
    near_sentiment = _near(rows, "sentiment_accuracy", MAX_SENTIMENT_LOSS)
    good = [name for name in near_entities if name in near_sentiment] or near_entities
    return Choice(
        best_entities=best_entities,
        best_sentiment=best_sentiment,
        good_enough=good,
        simplest=max(good, key=lambda name: _simplicity(rows[name])),
    )


def is_on_front(rows: Mapping[str, RowSummary], name: str) -> bool:
    """Return whether no other row is both faster and better at entities, on test."""
    own = rows[name]
    return not any(
        (other.annotator_rate or 0) > (own.annotator_rate or 0)
        and other.test["entity_f1"].mean > own.test["entity_f1"].mean
        for other in rows.values()
    )


def _counts_of_runs(runs: Sequence[RunResult], task: str, data: Mapping[str, Any]) -> list[Floats]:
    """Return (N, 3, 1) counts of each run on the first test corpus of a task."""
    corpora = [name for name, corpus in data["test"].items() if corpus["is_tagged"] == (task == "entity_f1")]
    return [_counts(data["test"][corpora[0]]["gold"], run.imperfect[corpora[0]]) for run in runs if corpora]


def _counts(gold: Sequence[int], imperfect: Sequence[Sequence[int]]) -> Floats:
    counts = np.repeat(np.array(gold, dtype=float)[:, None], 3, axis=1)
    for text, predicted, right in imperfect:
        counts[text, 1:] = predicted, right
    return counts[:, :, None]


def _near(rows: Mapping[str, RowSummary], score: str, max_loss: float) -> list[str]:
    best = max(row.dev[score].mean for row in rows.values())
    return [name for name, row in rows.items() if row.dev[score].mean >= best - max_loss]


def _simplicity(row: RowSummary) -> tuple[float, int]:
    return row.annotator_rate or 0.0, -row.num_parameters
