"""Whether an agent gets on, and how much lies before it: written by those who work, read by the watchdog."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pipeline.messages.record import Partition
from pipeline.monitor.metrics import Metrics


class Progress:
    """When something last moved, and the lag of each partition, which is also a metric."""

    def __init__(self, metrics: Metrics) -> None:
        self._gauge = metrics.lag
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
        """Show the records not yet committed, by partition; partitions that are gone are shown no more."""
        for partition in self._shown - lag.keys():
            self._gauge.remove(partition.topic, partition.partition)
        for partition, records in lag.items():
            self._gauge.labels(partition.topic, partition.partition).set(records)
        self._shown = set(lag)
