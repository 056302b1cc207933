"""Memory, files and tasks of the agents, watched while a scenario runs."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.worker import Footprint, Worker

_WATCH_SECONDS = 2.0


@dataclass
class FootprintLog:
    """Footprints by process, in the order of time."""

    by_process: dict[str, list[Footprint]] = field(default_factory=lambda: defaultdict(list))

    async def watch(self, workers: Callable[[], Iterable[Worker]]) -> None:
        """Take the footprints of the running agents, again and again; never returns."""
        while True:
            for worker in workers():
                if footprint := await worker.footprint():
                    self.by_process[worker.log_file.stem].append(footprint)
            await asyncio.sleep(_WATCH_SECONDS)

    def growth_since(self, began: float) -> float:
        """Return the largest growth of a process's memory, as a part of the most that it held before `began`."""
        return max(
            (
                max(after) / max(before) - 1.0
                for taken in self.by_process.values()
                if (before := [f.resident_bytes for f in taken if f.seconds <= began])
                and (after := [f.resident_bytes for f in taken if f.seconds > began])
            ),
            default=0.0,
        )


def drift(taken: Sequence[Footprint], read: Callable[[Footprint], float]) -> float:
    """Return the growth of the last quarter's median over the second's, as a part; NaN for too few looks."""
    second, last = _medians(taken, read)
    return last / second - 1.0


def growth(taken: Sequence[Footprint], read: Callable[[Footprint], float]) -> float:
    """Return how much the median of the last quarter exceeds that of the second; NaN for too few looks."""
    second, last = _medians(taken, read)
    return last - second


def _medians(taken: Sequence[Footprint], read: Callable[[Footprint], float]) -> tuple[float, float]:
    """Return the medians of the second and of the last quarter; during the first, caches and pools fill."""
    quarter = len(taken) // 4
    if quarter == 0:
        return math.nan, math.nan
    values = list(map(read, taken))
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
