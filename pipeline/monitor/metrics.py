"""The metrics that every agent exposes. Labels are codes from small fixed sets, never a post or an entity.

Every series whose labels are known beforehand is there from the start, at 0. (A counter that begins with its first
count has no rate over a burst: Prometheus sees one value and no rise.) The metrics of one role lie in its own room.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import metadata

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from pipeline.errors import record_reasons
from pipeline.messages.dead_letter import DECODE

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ProcessMetrics:
    """The metrics of any process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        build = Info("tocsin_build", "Version and role of this process.", ["version"], registry=self.registry)
        self.build = build.labels(metadata.version("tocsin"))
        self.ready = gauge("tocsin_ready", "1 if the process can work now; /readyz says why not.")
        self.event_loop_tasks = gauge(
            "tocsin_event_loop_tasks", "Tasks of the event loop; a number that only grows is a leak."
        )


class Metrics(ProcessMetrics):
    """The metrics of one agent's process.

    Args:
        role: the name of the agent, which is the value of the label `agent`.
        stages: the stages of its work. Every agent also has the stage `publish`.
    """

    def __init__(self, role: str, *, stages: Iterable[str] = ()) -> None:
        super().__init__()
        self._add_records(role)
        self._add_work(role, [*stages, "publish"])

    def _add_records(self, role: str) -> None:
        counter = partial(Counter, registry=self.registry)
        self.posts_received = counter(
            "tocsin_posts_received", "Records taken from the agent's input topic.", ["agent"]
        )
        self.tombstones = counter(
            "tocsin_tombstones", "Records without a value, by which Kafka deletes: skipped.", ["agent"]
        )
        self.unreadable_batches = counter(
            "tocsin_unreadable_batches",
            "Batches of records that cannot be read and were skipped; the log says where they are.",
        )
        self.dead_letters = counter(
            "tocsin_dead_letters", "Records that could not be processed.", ["stage", "reason"]
        )
        begin_at_zero(self.posts_received, [role])
        begin_at_zero(self.tombstones, [role])
        for stage in (DECODE, role):
            for reason in record_reasons():
                self.dead_letters.labels(stage, reason)

    def _add_work(self, role: str, stages: Iterable[str]) -> None:
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.posts_in_flight = gauge(
            "tocsin_posts_in_flight", "Records in work: begun, their outcome not yet acknowledged."
        )
        self.lag = gauge(
            "tocsin_lag",
            "Records of a partition that are not yet committed; absent until the partition is ours.",
            ["topic", "partition"],
        )
        self.batch_size = histogram(
            "tocsin_batch_size", "Records in a batch.", ["agent"], buckets=_BATCH_SIZES
        )
        self.stage_seconds = histogram(
            "tocsin_stage_seconds", "Seconds that a stage took.", ["stage"], buckets=SECONDS
        )
        begin_at_zero(self.batch_size, [role])
        begin_at_zero(self.stage_seconds, stages)


def begin_at_zero(metric: Counter | Histogram, values: Iterable[str]) -> None:
    """Put the series of a metric with one label at 0, for each of the label's values."""
    for value in values:
        metric.labels(value)
