"""Records that could not be processed, on `posts.dead`: the record's own bytes, and headers that say why.

If a record holds several posts, each that could not be processed has a letter of its own with its own bytes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, TypeVar

from msgspec import Meta, Struct, structs

from pipeline.errors import InternalError, RecordError
from pipeline.messages.codec import decode
from pipeline.messages.headers import FORMAT, Header, pick_headers
from pipeline.messages.post import Origin
from pipeline.messages.record import Outgoing, Record
from pipeline.settings.checks import OWN_HEADER_PREFIX

logger = logging.getLogger(__name__)
_T = TypeVar("_T")
_M = TypeVar("_M", bound=Struct)

_MAX_MESSAGE_CHARACTERS = 1_000
# The stage of every agent before its own: reading the message from the record.
DECODE = "decode"
# Headers of a replayed record: the number of the attempt, and where and when the record first lay.
ATTEMPT = "tocsin-attempt"
_FIRST_ORIGIN = "tocsin-first-origin"
_TIMESTAMP = "tocsin-timestamp"
_CUT = "tocsin-cut"
_MAX_ATTEMPT = 1_000_000
# A partition, an offset or an index. Kafka keeps them in 64 bits, but any client can write these headers.
_OFFSET = re.compile(r"[0-9]{1,18}")


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
    attempt: Annotated[int, Meta(ge=1, description="1, and one more whenever it was replayed")]
    first_origin: Annotated[Origin, Meta(description="where the record lay that was never replayed")]
    is_cut: Annotated[
        bool,
        Meta(description="too large for the broker: key, value and all headers but those of traces are gone"),
    ]
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def to_outgoing(letter: DeadLetter, topic: str) -> Outgoing:
    """Return the letter's record. Its fallback, if it is too large, is cut to our headers and the trace."""
    headers = letter.headers + _own_headers(letter)
    return Outgoing(topic, letter.key, letter.value, headers, fallback=partial(_cut, letter, topic))


def _cut(letter: DeadLetter, topic: str) -> Outgoing:
    bare = [*_own_headers(letter), (_CUT, b"too large for the broker")]
    # A topic's limit may be too low even for the baggage of a trace: the last fallback has only our headers.
    return Outgoing(
        topic,
        None,
        None,
        pick_headers(letter.headers) + bare,
        fallback=lambda: Outgoing(topic, None, None, bare),
    )


def to_dead_letter(record: Record, error: RecordError, *, stage: str) -> DeadLetter:
    """Return the dead letter of a record, or of a part of one, that `stage` could not process."""
    attempt = attempt_of(record)
    timestamp = _read_time(dict(record.headers).get(_TIMESTAMP)) if attempt > 1 else None
    return DeadLetter(
        stage=stage,
        reason=error.reason,
        message=str(error),
        origin=place_of(record),
        timestamp=timestamp or record.timestamp,
        attempt=attempt,
        first_origin=_first_origin_of(record),
        is_cut=False,
        key=record.key,
        value=record.value,
        headers=_without_own(record.headers),
    )


def place_of(record: Record) -> Origin:
    """Return where the record, or the part of it, lies."""
    return Origin(topic=record.topic, partition=record.partition, offset=record.offset, index=record.index)


def _first_origin_of(record: Record) -> Origin:
    """Return where the record, or the part of it, lay before any replay."""
    first = _read_origin(dict(record.headers).get(_FIRST_ORIGIN)) if attempt_of(record) > 1 else None
    if first is None or record.index is None:
        return first or place_of(record)
    # Each part of a replayed record is told from the others. A part that held several posts itself is a new beginning.
    return structs.replace(first, index=record.index) if first.index is None else place_of(record)


def _without_own(headers: Sequence[Header]) -> list[Header]:
    """Return the headers that are the record's: neither those of its letter nor those of its replays."""
    return [
        header for header in headers if header[0] == FORMAT or not header[0].startswith(OWN_HEADER_PREFIX)
    ]


def decode_or_dead_letter(record: Record, message_type: type[_M], *, max_bytes: int) -> _M | DeadLetter:
    """Return the message that the record holds, or its dead letter. No record ends the agent."""
    return read_or_dead_letter(record, lambda record: decode(record.value, message_type, max_bytes=max_bytes))


def read_or_dead_letter(record: Record, read: Callable[[Record], _T]) -> _T | DeadLetter:
    """Return what `read` makes of the record, or the dead letter if it raises. No record ends the agent."""
    try:
        return read(record)
    except RecordError as error:
        return to_dead_letter(record, error, stage=DECODE)
    except Exception as error:
        logger.exception("cannot decode %s/%d/%d", record.topic, record.partition, record.offset)
        return to_dead_letter(record, InternalError(f"{type(error).__name__} while decoding"), stage=DECODE)


def attempt_of(record: Record) -> int:
    """Return which attempt of a replayed record this is; 1 for any other record."""
    return _read_attempt(dict(record.headers).get(ATTEMPT))


def _read_attempt(text: bytes | None) -> int:
    return min(max(int(text), 1), _MAX_ATTEMPT) if text and text.isdigit() and len(text) < 8 else 1


def to_replay(letter: DeadLetter) -> Outgoing:
    """Return the record as it was, for its own topic, with headers that say that it is replayed."""
    again = {
        ATTEMPT: letter.attempt + 1,
        _FIRST_ORIGIN: show_origin(letter.first_origin),
        _TIMESTAMP: letter.timestamp.isoformat(),
    }
    headers = [*letter.headers, *((name, str(value).encode()) for name, value in again.items())]
    return Outgoing(letter.origin.topic, letter.key, letter.value, headers)


def replay_headers(record: Record) -> list[Header]:
    """Return the headers that an agent copies from a replayed record, or from a part of one, to its outcome."""
    if attempt_of(record) == 1:
        return []
    if record.index is None:
        names = (ATTEMPT, _FIRST_ORIGIN, _TIMESTAMP)
        return [header for header in record.headers if header[0] in names]
    kept = [header for header in record.headers if header[0] in (ATTEMPT, _TIMESTAMP)]
    return [*kept, (_FIRST_ORIGIN, show_origin(_first_origin_of(record)).encode())]


def show_origin(origin: Origin) -> str:
    """Return `TOPIC/PARTITION/OFFSET`, or `TOPIC/PARTITION/OFFSET/INDEX` for one of several posts of a record."""
    place = f"{origin.topic}/{origin.partition}/{origin.offset}"
    return place if origin.index is None else f"{place}/{origin.index}"


def _read_origin(text: bytes | None) -> Origin | None:
    topic, *numbers = (text or b"").decode(errors="replace").split("/")
    if len(numbers) not in (2, 3) or not all(map(_OFFSET.fullmatch, numbers)):
        return None
    partition, offset, *index = map(int, numbers)
    return Origin(topic=topic, partition=partition, offset=offset, index=index[0] if index else None)


def _read_time(text: bytes | None) -> datetime | None:
    try:
        time = datetime.fromisoformat((text or b"").decode(errors="replace"))
    except ValueError:
        return None
    return time if time.tzinfo else None


def _own_headers(letter: DeadLetter) -> list[Header]:
    fields = {
        "stage": letter.stage,
        "reason": letter.reason,
        "message": letter.message[:_MAX_MESSAGE_CHARACTERS],
        "topic": letter.origin.topic,
        "partition": letter.origin.partition,
        "offset": letter.origin.offset,
        "index": letter.origin.index,
        "timestamp": letter.timestamp.isoformat(),
        "attempt": letter.attempt,
        "first-origin": show_origin(letter.first_origin),
    }
    return [
        (OWN_HEADER_PREFIX + name, str(value).encode()) for name, value in fields.items() if value is not None
    ]


def from_record(record: Record) -> DeadLetter:
    """Return the letter that a record of the dead-letter topic holds.

    Raises:
        KeyError, ValueError: the record is not one of ours.
    """
    fields = {
        name.removeprefix(OWN_HEADER_PREFIX): value.decode()
        for name, value in record.headers
        if name.startswith(OWN_HEADER_PREFIX) and value is not None
    }
    place = [fields["topic"], fields["partition"], fields["offset"]]
    origin = _read_origin("/".join([*place, fields["index"]] if "index" in fields else place).encode())
    timestamp = _read_time(fields["timestamp"].encode())
    if origin is None or timestamp is None:
        raise ValueError("the headers give no position or no time of a record")
    return DeadLetter(
        stage=fields["stage"],
        reason=fields["reason"],
        message=fields["message"],
        origin=origin,
        timestamp=timestamp,
        attempt=_read_attempt(fields["attempt"].encode()),
        first_origin=_read_origin(fields.get("first-origin", "").encode()) or origin,
        is_cut="cut" in fields,
        key=record.key,
        value=record.value,
        headers=_without_own(record.headers),
    )
