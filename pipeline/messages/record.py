"""A record as it lies on a topic, and one that is to be published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple


class Partition(NamedTuple):
    """One partition of a topic; equal to what the Kafka clients call a `TopicPartition`."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, undecoded."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def is_tombstone(self) -> bool:
        """Whether it has no value, which is how Kafka deletes what lies under a key; an empty value is a value."""
        return self.value is None


def time_of(seconds: float) -> datetime:
    """Return a record's timestamp, seconds since 1970; the nearest that there is where its producer wrote nonsense."""
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
    # Makes what goes in its place if the broker finds it too large: only then, for few records ever need it.
    fallback: Callable[[], Outgoing] | None = None
