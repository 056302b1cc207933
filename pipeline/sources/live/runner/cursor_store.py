"""How far the source has been read, in a compacted topic: a restart goes on from there, also on another machine."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from pipeline.errors import RecordError, SettingsError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.messages.codec import decode, encode
from pipeline.messages.cursor import MAX_CURSOR_BYTES, Cursor
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.topology import CURSORS

# So that a source with thousands of posts a second does not write as many cursors.
_WRITE_SECONDS = 1.0


async def load_cursor(settings: Settings, key: str) -> str | None:
    """Return the cursor that was last kept under this key; None if none was.

    Raises:
        BrokerUnavailableError: no broker answers, or the topic does not exist.
        KafkaAccessError: the broker refuses us.
        SettingsError: the topic holds something else than cursors under this key.
    """
    topic, found = CURSORS.name(settings), None
    async with partition_reader(Cluster.of(settings), [topic]) as reader:
        async for records in reader.read(await reader.beginnings(reader.partitions)):
            found = next((record for record in reversed(records) if record.key == key.encode()), found)
    if found is None or found.is_tombstone:  # a tombstone forgets the cursor: the source begins anew
        return None
    try:
        return decode(found.value, Cursor, max_bytes=2 * MAX_CURSOR_BYTES).cursor
    except RecordError as error:
        raise SettingsError(
            [f"topic {topic}: no cursor of {key}, at offset {found.offset}: {error}"]
        ) from error


class CursorStore:
    """Keeps the cursor of one source.

    Args:
        key: the source's key.
        cursor: the cursor that was loaded.
        write_seconds: the shortest time between two writes.
    """

    def __init__(
        self,
        settings: Settings,
        key: str,
        cursor: str | None = None,
        *,
        write_seconds: float = _WRITE_SECONDS,
    ) -> None:
        self._topic = CURSORS.name(settings)
        self._key = key
        self.write_seconds = write_seconds
        self._writing = asyncio.Lock()
        self._written = cursor
        self._written_at = time.monotonic()
        self.cursor = cursor  # the position behind all that Kafka has acknowledged

    @property
    def age_seconds(self) -> float:
        """Seconds since the cursor was kept, or the program started; 0 if nothing has come since."""
        return time.monotonic() - self._written_at if self.is_pending else 0.0

    @property
    def is_pending(self) -> bool:
        """Whether the cursor has moved since it was kept."""
        return self.cursor != self._written

    def note(self, cursor: str | None) -> None:
        """Note how far Kafka has acknowledged the source's posts; None: the position has not changed."""
        self.cursor = self.cursor if cursor is None else cursor

    async def write_if_due(self, publisher: Publisher) -> bool:
        """Keep the cursor if it has moved, and the last write is a while ago; returns whether it did."""
        is_due = time.monotonic() - self._written_at >= self.write_seconds
        return is_due and await self.write(publisher)

    async def write(self, publisher: Publisher) -> bool:
        """Keep the cursor if it has moved; returns whether it had, once Kafka has acknowledged it."""
        async with self._writing:  # an older cursor must not come after a newer one
            if (cursor := self.cursor) is None or not self.is_pending:
                return False
            message = Cursor(source=self._key, cursor=cursor, updated_at=datetime.now(UTC))
            await publisher.publish([Outgoing(self._topic, self._key.encode(), encode(message))])
            self._written, self._written_at = cursor, time.monotonic()
            return True
