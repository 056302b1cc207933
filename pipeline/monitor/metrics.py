"""Every metric that a process of ours exposes. Labels are codes from small fixed sets, never a post or an entity.

A process shows the metrics of its role, and every series of them whose labels are known beforehand, at 0.
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

from pipeline.monitor.labels import (
    ABSTENTIONS,
    REQUEST_OUTCOMES,
    ROLES,
    SELECTIONS,
    SKIPS,
    STAGES,
    TOKEN_KINDS,
    VERDICTS,
    Role,
    dead_letters,
)

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process, in a registry of their own.

    Args:
        role: whose metrics the registry has; None: of both. Those of the other can be counted, and nobody sees them.
    """

    def __init__(self, role: Role | None = None) -> None:
        self.registry = CollectorRegistry()
        self._roles: tuple[Role, ...] = ROLES if role is None else (role,)
        self._add_process()
        self._add_work()
        self._add_outcomes()
        self._add_annotate()
        self._add_alert()
        self._add_llm()
        self._begin()

    def _registry_of(self, role: Role) -> CollectorRegistry | None:
        return self.registry if role in self._roles else None

    def _add_process(self) -> None:
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Info("tocsin_build", "Version and role of this process.", ["version"], registry=self.registry)
        self.build = build.labels(metadata.version("tocsin"))
        self.ready = Gauge(
            "tocsin_ready",
            "1 if the agent can work now; /readyz says why not.",
            registry=self.registry,
        )
        self.event_loop_tasks = Gauge(
            "tocsin_event_loop_tasks",
            "Tasks of the event loop; a number that only grows is a leak.",
            registry=self.registry,
        )

    def _add_work(self) -> None:
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
            "Batches of records that nobody can read, and that were skipped; the log says where they are.",
            registry=self.registry,
        )
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
            buckets=_SECONDS,
            registry=self.registry,
        )

    def _add_outcomes(self) -> None:
        self.dead_letters = Counter(
            "tocsin_dead_letters",
            "Records that could not be processed.",
            ["stage", "reason"],
            registry=self.registry,
        )

    def _add_annotate(self) -> None:
        self.posts_annotated = Counter(
            "tocsin_posts_annotated",
            "Posts annotated and published.",
            registry=self._registry_of("annotate"),
        )

    def _add_alert(self) -> None:
        registry = self._registry_of("alert")
        self.posts_skipped = Counter(
            "tocsin_posts_skipped",
            "Posts that had their alert, or an abstention on the same text, already.",
            ["reason"],
            registry=registry,
        )
        self.candidates = Counter(
            "tocsin_candidates",
            "Sampled candidates by verdict: valid, or the filter that rejected it.",
            ["verdict"],
            registry=registry,
        )
        self.alerts = Counter(
            "tocsin_alerts", "Alerts published, by selection.", ["selected_by"], registry=registry
        )
        self.abstentions = Counter(
            "tocsin_abstentions", "Posts without an alert, by reason.", ["reason"], registry=registry
        )

    def _add_llm(self) -> None:
        registry = self._registry_of("alert")
        self.llm_requests = Counter(
            "tocsin_llm_requests", "Requests to the LLM server, by outcome.", ["outcome"], registry=registry
        )
        self.llm_request_seconds = Histogram(
            "tocsin_llm_request_seconds",
            "Seconds of one LLM request.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.llm_tokens = Counter(
            "tocsin_llm_tokens", "Tokens as the LLM server counts them.", ["kind"], registry=registry
        )

    def _begin(self) -> None:
        """Put every series whose labels are known at 0."""
        known: list[tuple[Counter | Histogram, Iterable[str]]] = [
            (self.posts_skipped, SKIPS),
            (self.candidates, VERDICTS),
            (self.alerts, SELECTIONS),
            (self.abstentions, ABSTENTIONS),
            (self.llm_requests, REQUEST_OUTCOMES),
            (self.llm_tokens, TOKEN_KINDS),
        ]
        for role in self._roles:
            known += [(metric, [role]) for metric in (self.posts_received, self.tombstones, self.batch_size)]
            known += [(self.stage_seconds, STAGES[role])]
            for labels in dead_letters(role):
                self.dead_letters.labels(*labels)
        for metric, values in known:
            for value in values:
                metric.labels(value)
