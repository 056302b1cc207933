"""The metrics of `tocsin source`. The label `source` is the name of a source, as in the command."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from prometheus_client import Counter, Gauge

from pipeline.errors import record_reasons
from pipeline.monitor.metrics import ProcessMetrics
from pipeline.sources.live.source import Filter


class Interruption(StrEnum):
    """Why a source is not being read."""

    UNAVAILABLE = "unavailable"
    RATE_LIMIT = "rate_limit"
    REFUSED = "refused"


class SourceMetrics(ProcessMetrics):
    """The metrics of one source's process.

    Args:
        source: its name.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source
        self._add_posts()
        self._add_connection()

    def _add_posts(self) -> None:
        counter, by = partial(Counter, registry=self.registry), (self._source,)
        self.posts = counter(
            "tocsin_source_posts", "Posts of the source that Kafka has acknowledged.", ["source"]
        ).labels(*by)
        self.deletions = counter(
            "tocsin_source_deletions",
            "Posts that the source has withdrawn: tombstones published.",
            ["source"],
        ).labels(*by)
        self.duplicates = counter(
            "tocsin_source_duplicates", "Posts and deletions that came again, and were dropped.", ["source"]
        ).labels(*by)
        self.filtered = counter(
            "tocsin_source_filtered", "Posts that the settings leave out.", ["source", "by"]
        )
        self.skipped = counter(
            "tocsin_source_skipped", "Items of the source that are no posts.", ["source", "what"]
        )
        self.bad = counter(
            "tocsin_source_bad", "Items of the source that cannot be read or published.", ["source", "reason"]
        )
        for what in Filter:
            self.filtered.labels(self._source, what)
        for reason in record_reasons():
            self.bad.labels(self._source, reason)

    def _add_connection(self) -> None:
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        self.connected = gauge(
            "tocsin_source_connected", "1 while the source is connected.", ["source"]
        ).labels(self._source)
        self.connections = counter(
            "tocsin_source_connections", "Connections made to the source.", ["source"]
        ).labels(self._source)
        self.interruptions = counter(
            "tocsin_source_interruptions", "Waits before the source is read again.", ["source", "reason"]
        )
        self.wait_seconds = counter(
            "tocsin_source_wait_seconds", "Seconds of these waits.", ["source", "reason"]
        )
        self.behind_seconds = gauge(
            "tocsin_source_behind_seconds",
            "Seconds between the newest published post's time at the source and its acknowledgement.",
            ["source"],
        ).labels(self._source)
        self.cursor_age_seconds = gauge(
            "tocsin_source_cursor_age_seconds", "Seconds since the cursor was last kept in Kafka.", ["source"]
        ).labels(self._source)
        for reason in Interruption:
            self.interruptions.labels(self._source, reason)
            self.wait_seconds.labels(self._source, reason)

    def count_filtered(self, by: Filter) -> None:
        """Count a post that a filter leaves out."""
        self.filtered.labels(self._source, by).inc()

    def count_skipped(self, what: str) -> None:
        """Count an item that is no post."""
        self.skipped.labels(self._source, what).inc()

    def count_bad(self, reason: str) -> None:
        """Count an item that cannot be read or published."""
        self.bad.labels(self._source, reason).inc()

    def count_wait(self, reason: Interruption, seconds: float) -> None:
        """Count a wait that begins."""
        self.interruptions.labels(self._source, reason).inc()
        self.wait_seconds.labels(self._source, reason).inc(seconds)
