"""A scenario, its bar, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos.load import PLAIN, ProducerStyle

if TYPE_CHECKING:
    import random

    from tests.chaos.kafka_log import LoggedRecord
    from tests.chaos.load import ToProduce
    from tests.chaos.rig import Rig


@dataclass(frozen=True, slots=True)
class Bar:
    """The largest allowed value of each figure; None: the figure is shown but not judged."""

    missing: int = 0
    doubled: int | None = None  # outcomes beyond one for each post
    differing: int | None = 0  # posts with two outcomes of different content
    re_alerted: int | None = 0  # alerts published again after a replay
    dead: int | None = 0  # posts that have a dead letter
    unknown: int | None = 0  # outcomes of posts that were not produced
    recovery_seconds: float | None = None
    memory_growth: float | None = None  # 0.1: a tenth more than before the fault


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a scenario; the first fields are those of `Bar`."""

    missing: int
    doubled: int
    differing: int
    re_alerted: int
    dead: int
    unknown: int
    recovery_seconds: float | None  # the longest of all faults; None: no fault had an end
    memory_growth: float | None
    posts: int = 0
    faults: int = 0
    alerts: int = 0
    abstentions: int = 0
    unasked_ends: int = 0  # agents that ended by themselves and were started again
    is_settled: bool = True  # whether all was committed before the deadline
    notes: Mapping[str, Any] = field(default_factory=dict)  # what only this scenario reports
    broken: tuple[str, ...] = ()  # what only this scenario demands and did not get


@dataclass(frozen=True, slots=True)
class Findings:
    """The part that only this scenario can judge."""

    notes: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


Apply = Callable[["Rig"], Awaitable[None]]
Check = Callable[["Rig", "list[LoggedRecord]"], Findings]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, or one kind of it.

    Args:
        title: the fault as the report names it.
        bar_text: the bar in words.
        apply: breaks things while posts flow; is cancelled at the deadline.
        records: what is produced; None: posts.
        check: what it asks for beyond the bar.
        styles: how the producers of the posts write.
    """

    name: str
    title: str
    bar_text: str
    bar: Bar
    apply: Apply
    num_posts: int
    deadline_seconds: float = 420.0
    num_nodes: int = 1
    num_workers: int = 1
    per_second: float | None = None
    small_talk_rate: float = 0.1  # share of posts without an entity, about which no LLM is asked
    settings: Mapping[str, object] = field(default_factory=dict)
    records: Callable[[int, random.Random], list[ToProduce]] | None = None
    check: Check | None = None
    styles: Sequence[ProducerStyle] = PLAIN


_LABELS = {
    "re_alerted": "re-alerted",
    "recovery_seconds": "seconds to recover",
    "memory_growth": "growth of memory",
}


def breaches(figures: Figures, bar: Bar) -> list[str]:
    """Return every way in which the figures miss the bar, in words; empty if they hold it."""
    found = [] if figures.is_settled else ["not all committed at the deadline"]
    for name in Bar.__dataclass_fields__:
        limit, value = getattr(bar, name), getattr(figures, name)
        if limit is not None and (value is None or value > limit):
            found.append(f"{_LABELS.get(name, name)}: {value} (bar {limit})")
    return [*found, *figures.broken]
