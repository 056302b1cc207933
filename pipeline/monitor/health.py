"""Whether a process is alive and gets on: written by the parts that work, read by the watchdog and the probes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pipeline.messages.record import Partition
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.readiness import Readiness

# The event loop beats every second and no batch blocks it, so this long without a beat is a fault.
_MAX_BEAT_AGE_SECONDS = 15.0


class Health:
    """What the probes ask: does the event loop turn, does the work get on, and can the agent work."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        self.readiness = readiness or Readiness()
        self._last_beat = time.monotonic()
        self._stall: str | None = None

    def note_stall(self, problem: str | None) -> None:
        """Note what the watchdog has found, or None once it is over."""
        self._stall = problem

    async def beat(self) -> None:
        """Note every second that the event loop turns; never returns."""
        while True:
            self._last_beat = time.monotonic()
            await asyncio.sleep(1.0)

    def why_not_alive(self) -> str | None:
        """Return what is wrong with the process, or None; may be called from any thread."""
        age = time.monotonic() - self._last_beat
        return f"event loop stuck for {age:.0f} s" if age > _MAX_BEAT_AGE_SECONDS else self._stall


class Progress:
    """When something last moved, and the lag of each partition, which is also a metric.

    Args:
        metrics: have the lag; None: of a process that reads no partitions.
    """

    def __init__(self, metrics: Metrics | None) -> None:
        self._gauge = None if metrics is None else metrics.lag
        self._shown: set[Partition] = set()
        self._last_move = time.monotonic()

    def move(self) -> None:
        """Note a sign of life: an offset committed, an outcome acknowledged, a request to the LLM ended."""
        self._last_move = time.monotonic()

    @property
    def still_seconds(self) -> float:
        """Seconds since something moved."""
        return time.monotonic() - self._last_move

    def show_lag(self, lag: Mapping[Partition, int]) -> None:
        """Show the number of records not yet committed, by partition. Partitions that are gone are no longer shown."""
        if self._gauge is None:
            return
        for partition in self._shown - lag.keys():
            self._gauge.remove(partition.topic, partition.partition)
        for partition, num_records in lag.items():
            self._gauge.labels(partition.topic, partition.partition).set(num_records)
        self._shown = set(lag)
