"""The simplest row that is good enough, by a rule that is fixed before anything is trained.

Good enough is a row whose mean dev scores lie at most `MAX_ENTITY_LOSS` below the best row's entity F1 and at
most `MAX_SENTIMENT_LOSS` below the best row's sentiment accuracy. Of those, the simplest is the one that annotates
most posts a second (where speed was not measured: the one with the fewest parameters). Test scores take no part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.ablation.summary import RowSummary

MAX_ENTITY_LOSS = 0.005
MAX_SENTIMENT_LOSS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names of rows: the best by dev entity F1 and sentiment accuracy, all that are good enough, the simplest."""

    best_entities: str
    best_sentiment: str
    good_enough: Sequence[str]
    simplest: str


def choose(rows: Mapping[str, RowSummary]) -> Choice:
    """Apply the rule; where no row is good enough at both tasks, those at entities stand in."""
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
    """Whether no other row is both faster and better at entities, on test."""
    own = rows[name]
    return not any(
        (other.annotator_rate or 0) > (own.annotator_rate or 0)
        and other.test["entity_f1"].mean > own.test["entity_f1"].mean
        for other in rows.values()
    )


def _near(rows: Mapping[str, RowSummary], score: str, max_loss: float) -> list[str]:
    best = max(row.dev[score].mean for row in rows.values())
    return [name for name, row in rows.items() if row.dev[score].mean >= best - max_loss]


def _simplicity(row: RowSummary) -> tuple[float, int]:
    return row.annotator_rate or 0.0, -row.num_parameters
