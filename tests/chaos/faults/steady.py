"""No fault at all, for long, to see what grows."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.footprints import drift, growth
from tests.chaos.kafka_log import LoggedRecord
from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Findings, Scenario
from tests.chaos.worker import Footprint

POSTS_PER_SECOND = 20.0
_MAX_MEMORY_DRIFT = 0.05
# Medians of many looks: one more may be a file or task that a look happened to catch, two are a leak.
_MAX_MORE = 1.0

_COUNTS: dict[str, Callable[[Footprint], float]] = {
    "open files": lambda footprint: footprint.open_files,
    "tasks": lambda footprint: footprint.tasks,
}


async def steady(rig: Rig) -> None:
    """Let the posts flow."""
    await rig.until_settled()


def check(rig: Rig, records: list[LoggedRecord]) -> Findings:
    """Compare the last quarter of the time with the second."""
    notes: dict[str, float] = {}
    broken: list[str] = []
    for process, taken in rig.footprints.by_process.items():
        memory = drift(taken, lambda footprint: footprint.resident_bytes)
        notes[f"{process} memory drift"] = round(memory, 4)
        if not abs(memory) <= _MAX_MEMORY_DRIFT:
            broken.append(f"memory of {process}: {memory:+.1%} (bar {_MAX_MEMORY_DRIFT:.0%})")
        for name, read in _COUNTS.items():
            more = notes[f"{process} {name} growth"] = growth(taken, read)
            if not more <= _MAX_MORE:
                broken.append(f"{name} of {process}: {more:+g}")
    return Findings(notes, tuple(broken))


SCENARIO = Scenario(
    name="steady",
    title="steady load",
    bar_text="memory flat within 5 %, at most one open file or task more",
    bar=Bar(doubled=0),
    apply=steady,
    num_posts=int(60 * 60 * POSTS_PER_SECOND),
    per_second=POSTS_PER_SECOND,
    check=check,
)
