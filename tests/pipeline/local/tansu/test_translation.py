"""What the proxy changes, held against Kafka's protocol as the client library writes and reads it."""

import struct
from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.group import JoinGroupRequest_v2
from aiokafka.protocol.transaction import InitProducerIdRequest_v0, InitProducerIdResponse_v0
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, Schema, String, TaggedFields
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.tansu.translation import (
    MAX_SESSION_MS,
    Conversation,
    Member,
    change_api_versions,
    joined_member,
)

_CORRELATION_ID = 7
_KIP_848 = (68, 0, 1)
_TAG = b"\x01\x00\x01\x01"  # one tagged field, one byte long
_NO_TAGS = b"\x00"
_NAMES = st.text(st.characters(codec="utf-8"), max_size=200)


def _request(key: int, version: int, body: bytes, *, tags: bytes = b"") -> bytes:
    client_id: bytes = String().encode("client")
    return struct.pack(">hhi", key, version, _CORRELATION_ID) + client_id + tags + body


def _conversation() -> tuple[Conversation, list[Member]]:
    kept: list[Member] = []
    return Conversation(kept.append), kept


def _api_versions_answer(apis: list[tuple[int, int, int]], tagged: bytes) -> bytes:
    """Return an answer as Apache Kafka's protocol guide has it, version 3, with these tagged fields."""
    count = len(apis) + 1
    varint = bytes([count]) if count < 128 else bytes([count & 0x7F | 0x80, count >> 7])
    entries = b"".join(struct.pack(">hhhB", *api, 0) for api in apis)
    return struct.pack(">ih", _CORRELATION_ID, 0) + varint + entries + struct.pack(">i", 0) + tagged


@given(num_apis=st.integers(0, 300), fields=st.binary(max_size=40))
def test_the_answer_loses_its_tagged_fields_and_nothing_else(num_apis: int, fields: bytes) -> None:
    """What is left is the answer of a broker that has no tagged field to tell, and that can refuse KIP-848 groups."""
    apis = [(key, 0, 9) for key in range(1000, 1000 + num_apis)]
    answer = _api_versions_answer(apis, b"\x04" + fields)
    assert change_api_versions(answer) == _api_versions_answer([*apis, _KIP_848], _NO_TAGS)


def test_a_broker_that_has_kip_848_itself_names_it_once() -> None:
    """A client that finds an API twice may take either."""
    answer = _api_versions_answer([(68, 0, 2), (3, 0, 12)], _NO_TAGS)
    assert change_api_versions(answer) == _api_versions_answer([(3, 0, 12), _KIP_848], _NO_TAGS)


@given(answer=st.binary(max_size=80), error=st.integers(-1, 119).filter(bool))
def test_an_answer_that_is_an_error_stays_as_it_is(answer: bytes, error: int) -> None:
    """UNSUPPORTED_VERSION (35) and its like come in the form of version 0, which has no tagged fields."""
    refusal = struct.pack(">ih", _CORRELATION_ID, error) + answer
    assert change_api_versions(refusal) == refusal


@given(transactional_id=st.none() | _NAMES, timeout_ms=st.integers(0, 2**31 - 1), version=st.integers(0, 2))
def test_an_old_request_for_a_producer_id_reaches_the_broker_as_a_new_one(
    transactional_id: str | None, timeout_ms: int, version: int
) -> None:
    """It asks the same, for a producer that has no id yet."""
    if version < 2:
        request = InitProducerIdRequest_v0(transactional_id, timeout_ms)
        frame = _request(22, version, request.encode())
    else:
        body = CompactString().encode(transactional_id) + Int32.encode(timeout_ms) + _TAG
        frame = _request(22, version, body, tags=_TAG)
    translated = BytesIO(_conversation()[0].request(frame))
    head = Schema(("key", Int16), ("version", Int16), ("id", Int32), ("client", String("utf-8")))
    assert head.decode(translated) == (22, 4, _CORRELATION_ID, "client")
    body_schema = Schema(
        ("head_tags", TaggedFields), ("transaction", CompactString()), ("timeout", Int32), ("id", Int64)
    )
    assert body_schema.decode(translated) == ({}, transactional_id, timeout_ms, -1)
    assert translated.read() == Int16.encode(-1) + _NO_TAGS


@given(error=st.integers(-1, 100), producer_id=st.integers(-1, 2**63 - 1), epoch=st.integers(-1, 2**15 - 1))
def test_the_answer_has_the_form_that_was_asked_for(error: int, producer_id: int, epoch: int) -> None:
    """Asked in version 0 the client reads an answer of version 0, in version 2 one of version 2."""
    fields = struct.pack(">ihqh", 0, error, producer_id, epoch)
    new_answer = struct.pack(">i", _CORRELATION_ID) + _TAG + fields + _TAG
    conversation, _ = _conversation()
    conversation.request(_request(22, 0, InitProducerIdRequest_v0(None, 1000).encode()))
    old_answer = conversation.answer(new_answer)
    assert old_answer[:4] == Int32.encode(_CORRELATION_ID)
    read = InitProducerIdResponse_v0.decode(old_answer[4:])
    assert (read.error_code, read.producer_id, read.producer_epoch) == (error, producer_id, epoch)
    conversation.request(
        _request(22, 2, CompactString().encode(None) + Int32.encode(1) + _NO_TAGS, tags=_NO_TAGS)
    )
    assert conversation.answer(new_answer) == new_answer


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_new_request_for_a_producer_id_passes_as_it_is(version: int) -> None:
    """The broker answers those well."""
    frame = _request(22, version, b"body")
    assert _conversation()[0].request(frame) == frame


def _join_request(session_ms: int, version: int) -> bytes:
    if version < 6:
        request = JoinGroupRequest_v2("group", session_ms, 60_000, "", "consumer", [("range", b"meta")])
        return _request(11, version, request.encode())
    rest = Int32.encode(60_000) + b"rest"
    return _request(11, version, CompactString().encode("group") + Int32.encode(session_ms) + rest, tags=_TAG)


def _join_answer(version: int, *, error: int = 0) -> bytes:
    text: Any = String() if version < 6 else CompactString()
    answer = Int32.encode(_CORRELATION_ID) + (_TAG if version >= 6 else b"")
    answer += (Int32.encode(0) if version >= 2 else b"") + Int16.encode(error) + Int32.encode(3)
    answer += text.encode("consumer") if version >= 7 else b""
    answer += text.encode("range") + text.encode("leader") + (b"\x01" if version >= 9 else b"")
    return bytes(answer + text.encode("member-1") + b"the members")


@pytest.mark.parametrize("version", range(10))
def test_a_long_session_is_shortened_and_its_member_kept(version: int) -> None:
    """Nothing else of the request changes, the answer not at all, and who is taken in is kept."""
    conversation, kept = _conversation()
    assert conversation.request(_join_request(45_000, version)) == _join_request(MAX_SESSION_MS, version)
    answer = _join_answer(version)
    assert conversation.answer(answer) == answer
    assert kept == [Member("group", "member-1", 45.0)]


@pytest.mark.parametrize("version", range(10))
def test_a_client_that_the_group_refuses_is_not_kept_alive(version: int) -> None:
    """MEMBER_ID_REQUIRED (79) carries an id too, of a member that is none yet."""
    assert joined_member(_join_answer(version, error=79), version) is None


@pytest.mark.parametrize("version", [2, 9])
def test_a_short_session_stays_as_it_is(version: int) -> None:
    """Our own agents' is one: they send heartbeats to match."""
    conversation, kept = _conversation()
    frame = _join_request(MAX_SESSION_MS, version)
    assert conversation.request(frame) == frame
    conversation.answer(_join_answer(version))
    assert kept == []


def test_a_kip_848_group_is_refused_in_words() -> None:
    """The broker gets a request that it knows, so that answers keep their order, and the client UNSUPPORTED_VERSION."""
    conversation, _ = _conversation()
    assert conversation.request(_request(68, 1, b"anything", tags=_NO_TAGS)) == _request(18, 0, b"")
    answer = BytesIO(conversation.answer(struct.pack(">ih", _CORRELATION_ID, 0) + b"\0\0\0\0"))
    schema = Schema(
        ("id", Int32),
        ("head_tags", TaggedFields),
        ("throttle", Int32),
        ("error", Int16),
        ("message", CompactString()),
    )
    *head, message = schema.decode(answer)
    assert head == [_CORRELATION_ID, {}, 0, 35]
    assert "group.protocol=classic" in str(message)
    member_id, epoch, interval = Schema(("m", CompactString()), ("e", Int32), ("i", Int32)).decode(answer)
    assert (member_id, epoch, interval) == (None, 0, 0)
    assert answer.read() == b"\xff" + _NO_TAGS  # no assignment


@given(key=st.integers(0, 90).filter(lambda key: key not in (11, 18, 22, 68)), body=st.binary(max_size=60))
def test_every_other_request_and_its_answer_pass_as_they_are(key: int, body: bytes) -> None:
    """The proxy reads nothing that it does not change."""
    conversation, _ = _conversation()
    frame = _request(key, 3, body)
    answer = struct.pack(">i", _CORRELATION_ID) + body
    assert conversation.request(frame) == frame
    assert conversation.answer(answer) == answer
