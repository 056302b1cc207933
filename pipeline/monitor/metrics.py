"""The metrics that every agent exposes. Labels are codes from small fixed sets, never a post or an entity.

Every series whose labels are known beforehand is there from the start, at 0. (A counter that begins with its first
count has no rate over a burst: Prometheus sees one value and no rise.) The metrics of one role lie in its own room.
"""

from __future__ import annotations

from collections.abc import Iterable
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

from pipeline.errors import RecordError

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one agent's process, in a registry of their own.

    Args:
        role: the agent, which the label `agent` names.
        stages: of its work; the stage `publish` is every agent's.
    """

    def __init__(self, role: str, *, stages: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._add_process()
        self._add_records(role)
        self._add_work(role, [*stages, "publish"])

    def _add_process(self) -> None:
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Info("tocsin_build", "Version and role of this process.", ["version"], registry=self.registry)
        self.build = build.labels(metadata.version("tocsin"))
        self.ready = Gauge(
            "tocsin_ready", "1 if the agent can work now; /readyz says why not.", registry=self.registry
        )
        self.event_loop_tasks = Gauge(
            "tocsin_event_loop_tasks",
            "Tasks of the event loop; a number that only grows is a leak.",
            registry=self.registry,
        )

    def _add_records(self, role: str) -> None:
        self.posts_received = Counter(
            "tocsin_posts_received",
            "Records taken from the agent's input topic.",
            ["agent"],
            registry=self.registry,
        )
        self.tombstones = Counter(
            "tocsin_tombstones",
            "Records without a value, by which Kafka deletes: skipped.",
            ["agent"],
            registry=self.registry,
        )
        self.unreadable_batches = Counter(
            "tocsin_unreadable_batches",
            "Batches of records that cannot be read and were skipped; the log says where they are.",
            registry=self.registry,
        )
        self.dead_letters = Counter(
            "tocsin_dead_letters",
            "Records that could not be processed.",
            ["stage", "reason"],
            registry=self.registry,
        )
        begin_at_zero(self.posts_received, [role])
        begin_at_zero(self.tombstones, [role])
        for stage in ("decode", role):
            for reason in sorted(_reasons(RecordError.__subclasses__())):
                self.dead_letters.labels(stage, reason)

    def _add_work(self, role: str, stages: Iterable[str]) -> None:
        self.posts_in_flight = Gauge(
            "tocsin_posts_in_flight",
            "Records in work: begun, their outcome not yet acknowledged.",
            registry=self.registry,
        )
        self.lag = Gauge(
            "tocsin_lag",
            "Records of a partition that are not yet committed; absent until the partition is ours.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "tocsin_batch_size",
            "Records in a batch.",
            ["agent"],
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "tocsin_stage_seconds",
            "Seconds that a stage took.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        begin_at_zero(self.batch_size, [role])
        begin_at_zero(self.stage_seconds, stages)


def begin_at_zero(metric: Counter | Histogram, values: Iterable[str]) -> None:
    """Put the series of a metric with one label at 0, for each of the label's values."""
    for value in values:
        metric.labels(value)


def _reasons(errors: Iterable[type[RecordError]]) -> set[str]:
    return {reason for error in errors for reason in ({error.reason} | _reasons(error.__subclasses__()))}
