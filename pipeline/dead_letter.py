"""Records that nobody could process, on `posts.dead`: the record's own bytes, and headers that say why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.errors import RecordError
from pipeline.kafka import Outgoing
from pipeline.messages import Origin
from pipeline.records import Record

_PREFIX = "tocsin-"
_MAX_MESSAGE_CHARACTERS = 1_000


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that could not be processed.

    On the topic `key`, `value` and `headers` are the record's own, and the other fields are headers named
    `tocsin-...`; in JSON (`tocsin demo --json`) bytes are in Base64.
    """

    stage: Annotated[str, Meta(description="where it failed: decode, annotate or alert")]
    reason: Annotated[str, Meta(description="code of the error")]
    message: Annotated[str, Meta(description="what was wrong, for people")]
    origin: Annotated[Origin, Meta(description="where the record lay")]
    timestamp: Annotated[datetime, Meta(description="the record's own timestamp")]
    attempt: Annotated[int, Meta(ge=1)]
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def to_outgoing(letter: DeadLetter, topic: str) -> Outgoing:
    """Return the letter's record; where that is too large for the broker, one without the value and headers."""
    bare = Outgoing(
        topic, None, None, [*_own_headers(letter), (_PREFIX + "cut", b"too large for the broker")]
    )
    return Outgoing(topic, letter.key, letter.value, letter.headers + _own_headers(letter), fallback=bare)


def bury(record: Record, error: RecordError, *, stage: str) -> DeadLetter:
    """Return the dead letter of a record that `stage` could not process."""
    return DeadLetter(
        stage=stage,
        reason=error.reason,
        message=str(error),
        origin=Origin(topic=record.topic, partition=record.partition, offset=record.offset),
        timestamp=record.timestamp,
        attempt=1,
        key=record.key,
        value=record.value,
        headers=list(record.headers),
    )


def _own_headers(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    fields = {
        "stage": letter.stage,
        "reason": letter.reason,
        "message": letter.message[:_MAX_MESSAGE_CHARACTERS],
        "topic": letter.origin.topic,
        "partition": letter.origin.partition,
        "offset": letter.origin.offset,
        "timestamp": letter.timestamp.isoformat(),
        "attempt": letter.attempt,
    }
    return [(_PREFIX + name, str(value).encode()) for name, value in fields.items()]


def from_record(record: Record) -> DeadLetter:
    """Return the letter that a record of the dead-letter topic holds.

    Raises:
        KeyError, ValueError: the record is not one of ours.
    """
    fields = {
        name.removeprefix(_PREFIX): value.decode()
        for name, value in record.headers
        if name.startswith(_PREFIX) and value is not None
    }
    return DeadLetter(
        stage=fields["stage"],
        reason=fields["reason"],
        message=fields["message"],
        origin=Origin(
            topic=fields["topic"], partition=int(fields["partition"]), offset=int(fields["offset"])
        ),
        timestamp=datetime.fromisoformat(fields["timestamp"]),
        attempt=int(fields["attempt"]),
        key=record.key,
        value=record.value,
        headers=[header for header in record.headers if not header[0].startswith(_PREFIX)],
    )
