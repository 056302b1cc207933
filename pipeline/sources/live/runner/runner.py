"""Reads a source over all its outages, and publishes what it gives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from typing import Never

from pipeline.errors import RecordError, SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.kafka.publisher import Publisher
from pipeline.messages.record import Outgoing
from pipeline.monitor.health import Progress
from pipeline.monitor.readiness import Readiness
from pipeline.outage import Outage, backoff_seconds
from pipeline.sources.live.runner.cursor_store import CursorStore
from pipeline.sources.live.runner.intake import Intake
from pipeline.sources.live.runner.metrics import Interruption, SourceMetrics
from pipeline.sources.live.source import Batch, LiveSource
from pipeline.sources.produce import SourceItem, Sum, produce_batch

logger = logging.getLogger(__name__)

_MAX_BACKOFF_SECONDS = 30.0
# A source that refuses a token may lock us out if we ask often.
_REFUSED_SECONDS = 60.0
# What a source may make us wait. A value beyond it is a slip, or an attack.
_MAX_RETRY_AFTER_SECONDS = 3600.0
# A connection that held this long, or brought this much, was a good one: the next is tried at once.
_GOOD_SECONDS = 10.0
_GOOD_RECORDS = 1_000
_LATE_SECONDS = 5.0


class Runner:
    """Publishes the posts of one source, and keeps its cursor.

    A batch is taken from the source once Kafka has acknowledged the one before. If Kafka is away, the source waits.

    Args:
        on_late: called if Kafka has not acknowledged posts or a cursor for some seconds.
    """

    def __init__(
        self,
        source: LiveSource,
        publisher: Publisher,
        store: CursorStore,
        intake: Intake,
        *,
        metrics: SourceMetrics,
        readiness: Readiness,
        progress: Progress,
        on_late: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_late = on_late
        self._sleep = sleep
        self._source = source
        self._publisher = publisher
        self._store = store
        self._intake = intake
        self._metrics = metrics
        self._readiness = readiness
        self._progress = progress
        self._outage = Outage(f"source {source.name}")
        self._connected_at: float | None = None  # of the present connection
        self._was_connected = False
        self._num_taken = 0  # records by the present connection
        self._num_failures = 0  # in a row
        self.num_unpublished = 0  # records that Kafka has not acknowledged

    async def run(self) -> None:
        """Read and publish; never returns.

        Raises:
            SourceRefusedError: the source refuses us, and has not let us in before.
            SettingsError: a file that a setting names cannot be used, and could not be before.
            KafkaAccessError: the broker does not let us write.
        """
        while True:
            seconds = await self._read_once()
            await self._sleep(seconds)

    async def keep_cursor(self) -> Never:
        """Keep the cursor soon after it has moved, also if no further post comes; never returns."""
        while True:
            await asyncio.sleep(self._store.write_seconds)
            await self._write_cursor()

    async def finish(self) -> None:
        """Keep the cursor; for the end of the process."""
        await self._store.write(self._publisher)

    async def _read_once(self) -> float:
        """Read until the connection ends; returns how long to wait."""
        try:
            async with aclosing(self._source.read(self._store.cursor)) as batches:
                async for batch in batches:
                    self._note_connected()
                    await self._take(batch)
        except SourceUnavailableError as error:
            return self._note_lost(error)
        except (SourceRefusedError, SettingsError) as error:
            if not self._was_connected:
                raise
            return self._note_refused(error)  # a token, or its file, is being renewed
        finally:
            self._metrics.connected.set(0)
        return self._note_lost(SourceUnavailableError(f"source {self._source.name}: the connection ended"))

    async def _take(self, batch: Batch) -> None:
        """Publish the batch, and then note its cursor."""
        records = self._intake.records(batch.items, batch.headers)
        await self._publish(records)
        if batch.event_time is not None:
            behind = (datetime.now(UTC) - batch.event_time).total_seconds()
            self._metrics.behind_seconds.set(max(behind, 0.0))
        self._store.note(batch.cursor)
        await self._write_cursor()
        self._progress.move()

    async def _write_cursor(self) -> None:
        with self._late_is_told():
            is_written = await self._store.write_if_due(self._publisher)
        if is_written and self._connected_at is not None:
            self._readiness.joined()

    @contextmanager
    def _late_is_told(self) -> Iterator[None]:
        # The client says that the broker is away only after its own retries.
        late = asyncio.get_running_loop().call_later(_LATE_SECONDS, self._on_late)
        try:
            yield
        finally:
            late.cancel()

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        refused: set[int] = set()

        def refuse(number: int, error: RecordError) -> None:
            refused.add(number)
            self._intake.refuse(error, (records[number].key or b"").decode())

        items = [SourceItem(number, record) for number, record in enumerate(records)]
        self.num_unpublished = len(records)
        with self._late_is_told():
            await produce_batch(self._publisher, items, total=Sum(), on_bad=refuse)
        self.num_unpublished = 0
        self._num_taken += len(records)
        self._readiness.joined()
        sent = [record for number, record in enumerate(records) if number not in refused]
        num_deletions = sum(record.value is None for record in sent)
        self._metrics.deletions.inc(num_deletions)
        self._metrics.posts.inc(len(sent) - num_deletions)

    def _note_connected(self) -> None:
        if self._connected_at is not None:
            return
        self._connected_at, self._num_taken = time.monotonic(), 0
        self._was_connected = True
        self._outage.end()
        self._metrics.connected.set(1)
        self._metrics.connections.inc()
        self._readiness.working(True)
        self._readiness.joined()
        logger.info("source %s: connected", self._source.name)

    def _note_lost(self, error: SourceUnavailableError) -> float:
        was_good = self._end_connection()
        self._num_failures = 0 if was_good else self._num_failures + 1
        self._outage.begin()
        self._outage.report(error)
        seconds = backoff_seconds(self._num_failures + 1, max_seconds=_MAX_BACKOFF_SECONDS)
        if error.retry_after is not None:
            seconds = max(seconds, min(error.retry_after, _MAX_RETRY_AFTER_SECONDS))
        reason = Interruption.RATE_LIMIT if error.is_rate_limit else Interruption.UNAVAILABLE
        self._metrics.count_wait(reason, seconds)
        self._readiness.connecting(str(error))
        self._progress.move()
        return seconds

    def _note_refused(self, error: SourceRefusedError | SettingsError) -> float:
        self._end_connection()
        self._outage.begin()
        self._outage.report(error)
        self._metrics.count_wait(Interruption.REFUSED, _REFUSED_SECONDS)
        self._readiness.refused(str(error))
        self._progress.move()
        return _REFUSED_SECONDS

    def _end_connection(self) -> bool:
        """Note that there is no connection any more; returns whether it was a good one."""
        began, self._connected_at = self._connected_at, None
        if began is None:
            return False
        return time.monotonic() - began >= _GOOD_SECONDS or self._num_taken >= _GOOD_RECORDS
