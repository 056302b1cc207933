"""What the proxy in front of Tansu changes in a client's requests and in Tansu's answers.

Tansu has gaps in Kafka's protocol that stop common clients. Each is closed here, in bytes:

- ApiVersions: Tansu's answer ends with tagged fields of default value, which Apache Kafka leaves out. librdkafka 2.0
  (in Debian 12's kcat) misreads the length of a tagged field and gives up.
- InitProducerId: in versions 0 to 2 (aiokafka, kafkajs) Tansu answers with error -1; version 4 works.
- JoinGroup: Tansu holds a client back for half of the session timeout that the client asks for: 15 to 23 s with the
  defaults of most clients. So the request asks for a short session, and `sessions.py` keeps the member alive for as
  long as the client wanted.
- ConsumerGroupHeartbeat: Tansu lacks the newer consumer groups (KIP-848), and librdkafka then waits for ever and
  reports nothing. So the proxy announces them and refuses each request, which every client reports.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import Any

from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

# Long enough for a busy machine. A client waits half of it for its group.
MAX_SESSION_MS = 6_000

_UNSUPPORTED_VERSION = 35
_NO_KIP_848 = "the embedded broker has classic consumer groups only: set group.protocol=classic"

_KEY_AND_VERSION = struct.Struct(">hh")
_HEAD = Schema(
    ("api_key", Int16), ("api_version", Int16), ("correlation_id", Int32), ("client_id", String("utf-8"))
)
_NO_TAGS = TaggedFields.encode({})
_API_VERSION = Schema(("api_key", Int16), ("lowest", Int16), ("highest", Int16), ("tags", TaggedFields))

ChangeAnswer = Callable[[bytes], bytes]


class _Api(IntEnum):
    JOIN_GROUP = 11
    VERSIONS = 18
    INIT_PRODUCER_ID = 22
    CONSUMER_GROUP_HEARTBEAT = 68


@dataclass(frozen=True, slots=True)
class Member:
    """A client in a consumer group whose session at the broker is shorter than it asked for."""

    group: str
    member_id: str
    session_seconds: float  # what it asked for


class Conversation:
    """One connection's requests and answers, each turned into what the other side understands.

    Args:
        keep: called with each member whose session must be kept alive.
    """

    def __init__(self, keep: Callable[[Member], None]) -> None:
        self._keep = keep
        self._pending: dict[int, ChangeAnswer] = {}  # by correlation id

    def request(self, frame: bytes) -> bytes:
        """Return what the broker gets. Most requests pass unchanged."""
        key, version = _KEY_AND_VERSION.unpack_from(frame)
        request: bytes = frame
        change: ChangeAnswer = _same
        match key:
            case _Api.VERSIONS if version >= 3:
                change = change_api_versions
            case _Api.INIT_PRODUCER_ID if version < 3:
                request, change = change_init_producer_id(frame)
            case _Api.JOIN_GROUP:
                request, change = self._join_group(frame)
            case _Api.CONSUMER_GROUP_HEARTBEAT:
                request, change = _refuse_consumer_group(frame)
            case _:
                return frame
        self._pending[_correlation_id(frame[4:])] = change
        return request

    def answer(self, frame: bytes) -> bytes:
        """Return what the client gets."""
        change = self._pending.pop(_correlation_id(frame), None)
        return change(frame) if change else frame

    def _join_group(self, frame: bytes) -> tuple[bytes, ChangeAnswer]:
        data = BytesIO(frame)
        _, version, _, _ = _HEAD.decode(data)
        if version >= 6:
            TaggedFields.decode(data)
        group = _text(is_flexible=version >= 6).decode(data)
        position = data.tell()
        session_ms = Int32.decode(data)
        if session_ms <= MAX_SESSION_MS:
            return frame, _same

        def note_member(answer: bytes) -> bytes:
            if member_id := joined_member(answer, version):
                self._keep(Member(group, member_id, session_ms / 1000))
            return answer

        return frame[:position] + Int32.encode(MAX_SESSION_MS) + frame[position + 4 :], note_member


def change_api_versions(answer: bytes) -> bytes:
    """Return an ApiVersions answer, version 3 or later, without tagged fields at its end and with KIP-848's API."""
    data = BytesIO(answer)
    correlation_id, error = Int32.decode(data), Int16.decode(data)
    if error:
        # UNSUPPORTED_VERSION comes in the form of version 0, which has no tagged fields.
        return answer
    entries = CompactArray(_API_VERSION)
    apis = [api for api in entries.decode(data) or [] if api[0] != _Api.CONSUMER_GROUP_HEARTBEAT]
    apis.append((_Api.CONSUMER_GROUP_HEARTBEAT, 0, 1, {}))
    throttle_ms = Int32.decode(data)
    head = Int32.encode(correlation_id) + Int16.encode(error)
    return bytes(head + entries.encode(apis) + Int32.encode(throttle_ms) + _NO_TAGS)


def change_init_producer_id(frame: bytes) -> tuple[bytes, ChangeAnswer]:
    """Return a request of version 0, 1 or 2 as one of version 4, and the change of its answer back to that version."""
    data = BytesIO(frame)
    key, version, correlation_id, client_id = _HEAD.decode(data)
    is_flexible = version == 2
    if is_flexible:
        TaggedFields.decode(data)
    transactional_id = _text(is_flexible=is_flexible).decode(data)
    timeout_ms = Int32.decode(data)
    head = _HEAD.encode((key, 4, correlation_id, client_id)) + _NO_TAGS
    no_producer = Int64.encode(-1) + Int16.encode(-1)
    body = CompactString().encode(transactional_id) + Int32.encode(timeout_ms) + no_producer + _NO_TAGS
    return head + body, _same if is_flexible else _without_tags


def joined_member(answer: bytes, version: int) -> str | None:
    """Return the member id in a JoinGroup answer; None if the group refuses the client."""
    is_flexible = version >= 6
    text = _text(is_flexible=is_flexible)
    data = BytesIO(answer)
    Int32.decode(data)  # correlation id
    if is_flexible:
        TaggedFields.decode(data)
    if version >= 2:
        Int32.decode(data)  # throttle time
    if Int16.decode(data):
        return None
    Int32.decode(data)  # generation
    num_texts = 3 if version >= 7 else 2  # protocol type, protocol name, leader
    for _ in range(num_texts):
        text.decode(data)
    if version >= 9:
        data.read(1)  # skip assignment
    member_id: str | None = text.decode(data)
    return member_id


def _refuse_consumer_group(frame: bytes) -> tuple[bytes, ChangeAnswer]:
    """Return a harmless request instead, so that answers keep their order, and what turns its answer into a refusal."""
    _, _, correlation_id, client_id = _HEAD.decode(BytesIO(frame))
    refusal = b"".join(
        (
            Int32.encode(correlation_id),
            _NO_TAGS,
            Int32.encode(0),  # throttle time
            Int16.encode(_UNSUPPORTED_VERSION),
            CompactString().encode(_NO_KIP_848),
            CompactString().encode(None),  # member id
            Int32.encode(0),  # member epoch
            Int32.encode(0),  # heartbeat interval
            b"\xff",  # no assignment
            _NO_TAGS,
        )
    )
    return _HEAD.encode((_Api.VERSIONS, 0, correlation_id, client_id)), lambda _: refusal


def _without_tags(answer: bytes) -> bytes:
    """Return the answer to InitProducerId without the tagged fields of its head and of its end."""
    data = BytesIO(answer)
    correlation_id = data.read(4)
    TaggedFields.decode(data)
    return correlation_id + data.read(4 + 2 + 8 + 2)  # throttle time, error, producer id and epoch


def _same(answer: bytes) -> bytes:
    return answer


def _text(*, is_flexible: bool) -> Any:
    return CompactString() if is_flexible else String()


def _correlation_id(frame: bytes) -> int:
    return int.from_bytes(frame[:4], signed=True)
