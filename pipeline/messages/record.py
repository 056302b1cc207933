"""A Kafka record as it was read, and a record to publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple


class Partition(NamedTuple):
    """One partition of a topic; it equals aiokafka's `TopicPartition`."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, undecoded, or the part of it that holds one of its several posts.

    Attributes:
        index: place of the part among those of its record; None: the whole record.
    """

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    index: int | None = None

    @property
    def is_tombstone(self) -> bool:
        """Whether it has no value: this is how Kafka deletes a key. An empty value is a value."""
        return self.value is None


def time_of(seconds: float) -> datetime:
    """Return a record's timestamp from seconds since 1970. One that is out of range becomes the nearest that is not."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.min if seconds < 0 else datetime.max).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    # Makes the record that is sent instead if the broker finds this one too large. Few records need it, so it is lazy.
    fallback: Callable[[], Outgoing] | None = None
