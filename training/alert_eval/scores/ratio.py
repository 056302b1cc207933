"""Shares and means, which are None if there was nothing to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.rows import PostResult

Pairs = Sequence[tuple[GoldPost, PostResult]]
"""Posts, each with what a row did with it."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Hits among chances; the value is None if there was no chance."""

    hits: int
    chances: int

    @property
    def value(self) -> float | None:
        """The share, rounded."""
        return round(self.hits / self.chances, 4) if self.chances else None


def share(hits: Sequence[bool]) -> float | None:
    """Return the share of hits."""
    return Ratio(sum(hits), len(hits)).value


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, rounded."""
    return round(sum(values) / len(values), 3) if values else None
