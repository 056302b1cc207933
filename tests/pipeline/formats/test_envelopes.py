import base64
import json
from typing import Any

import pytest

from pipeline.errors import InvalidMessageError, RecordError
from pipeline.formats.envelopes import ENVELOPES
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.formats.reader import MAX_ITEMS, PostReader
from pipeline.messages.headers import Header
from pipeline.settings import Settings

_POST = {"id": "1", "text": "Fire in Athens"}
_ROW = {"before": None, "after": _POST, "source": {"db": "social"}, "op": "c", "ts_ms": 1}
_SCHEMA = {"type": "struct", "fields": [{"field": "id", "type": "string"}], "optional": False}
_EVENT = {"specversion": "1.0", "id": "e1", "source": "/desk", "type": "post", "time": "2026-11-30T20:03:59Z"}


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _read(value: bytes, headers: tuple[Header, ...] = ()) -> list[Reading]:
    return PostReader.of(Settings()).read(value, headers)


# What each producer writes, and the envelopes around the post in it.
_OPENED: dict[str, tuple[bytes, list[str]]] = {
    "bare": (_bytes(_POST), []),
    "Connect": (_bytes({"schema": _SCHEMA, "payload": _POST}), ["kafka_connect"]),
    "Connect without a schema": (_bytes({"schema": None, "payload": _POST}), ["kafka_connect"]),
    "Connect, a JSON text": (
        _bytes({"schema": {"type": "string"}, "payload": json.dumps(_POST)}),
        ["kafka_connect", "json_string"],
    ),
    "Debezium": (_bytes(_ROW), ["debezium"]),
    "Debezium, snapshot": (_bytes({**_ROW, "op": "r"}), ["debezium"]),
    "Debezium, update": (_bytes({**_ROW, "op": "u", "before": {**_POST, "text": "Fire"}}), ["debezium"]),
    "Debezium without before": (
        _bytes({"op": "c", "after": _POST, "source": {}, "ts_ms": 1}),
        ["debezium"],
    ),
    "Debezium by Connect": (_bytes({"schema": _SCHEMA, "payload": _ROW}), ["kafka_connect", "debezium"]),
    "Debezium of MongoDB": (_bytes({**_ROW, "after": json.dumps(_POST)}), ["debezium", "json_string"]),
    "Schema Registry": (b"\0\0\0\0\x2a" + _bytes(_POST), ["schema_registry"]),
    "Schema Registry, large id": (b"\0\0\x01\xe2\x40\n " + _bytes(_POST), ["schema_registry"]),
    "Schema Registry around Debezium": (b"\0\0\0\0\x01" + _bytes(_ROW), ["schema_registry", "debezium"]),
    "CloudEvents": (_bytes({**_EVENT, "data": _POST}), ["cloudevents"]),
    "CloudEvents 0.3": (_bytes({**_EVENT, "specversion": "0.3", "data": _POST}), ["cloudevents"]),
    "CloudEvents in Base64": (_bytes({**_EVENT, "data_base64": _base64(_bytes(_POST))}), ["cloudevents"]),
    "CloudEvents, a JSON text": (
        _bytes({**_EVENT, "data": json.dumps(_POST)}),
        ["cloudevents", "json_string"],
    ),
    "CloudEvents with an attribute text": (_bytes({**_EVENT, "text": "x", "data": _POST}), ["cloudevents"]),
    "CloudEvents, a batch": (_bytes([{**_EVENT, "data": _POST}]), ["list", "cloudevents"]),
    "JSON in a text": (_bytes(json.dumps(_POST)), ["json_string"]),
    "JSON in a text in a text": (_bytes(json.dumps(json.dumps(_POST))), ["json_string", "json_string"]),
    "a list of one": (_bytes([_POST]), ["list"]),
    "Debezium by CloudEvents by Schema Registry": (
        b"\0\0\0\0\x01" + _bytes({**_EVENT, "data": {"schema": None, "payload": _ROW}}),
        ["schema_registry", "cloudevents", "kafka_connect", "debezium"],
    ),
}


@pytest.mark.parametrize("name", _OPENED)
def test_an_envelope_is_opened_and_said(name: str) -> None:
    """The post is that of the bare record, and what was opened is told from the outside to the inside."""
    value, envelopes = _OPENED[name]
    [bare] = _read(_bytes(_POST))
    [read] = _read(value)
    assert isinstance(read, ReadPost)
    assert isinstance(bare, ReadPost)
    assert read.post == bare.post
    assert read.read_as.envelopes == envelopes
    assert read.index is None
    assert set(envelopes) <= set(ENVELOPES)


# Headers and values as cloudevents 1.13 (`cloudevents.kafka`) and 2.2 write them.
_OF_KITS: dict[str, tuple[list[Header], bytes]] = {
    "1.13, structured": ([("content-type", b"application/json")], _bytes({**_EVENT, "data": _POST})),
    "1.13, structured, data in bytes": (
        [("content-type", b"application/json")],
        _bytes({**_EVENT, "datacontenttype": "application/json", "data_base64": _base64(_bytes(_POST))}),
    ),
    "1.13, structured, no type of the data": ([], _bytes({**_EVENT, "data": _POST})),
    "1.13, binary": (
        [
            ("content-type", b"application/json"),
            ("ce_type", b"t"),
            ("ce_specversion", b"1.0"),
            ("ce_id", b"e1"),
        ],
        _bytes(_POST),
    ),
    "2.2, structured": (
        [("content-type", b"application/cloudevents+json")],
        _bytes({**_EVENT, "data": _POST}),
    ),
}


@pytest.mark.parametrize("value", [b"", b"null"])
def test_an_event_in_binary_form_may_have_no_data(value: bytes) -> None:
    """The kits write either; its attributes are in the headers."""
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"t")]
    assert _read(value, tuple(headers)) == [Skipped("no_data")]


@pytest.mark.parametrize("name", _OF_KITS)
def test_events_of_the_python_kits_are_opened(name: str) -> None:
    """The older kit says the content type of the data in its structured form too; the shape decides."""
    headers, value = _OF_KITS[name]
    [read] = _read(value, tuple(headers))
    assert isinstance(read, ReadPost)
    assert (read.post.id, read.read_as.envelopes) == ("1", ["cloudevents"])


@pytest.mark.parametrize(
    ("document", "reading"),
    [
        ({**_ROW, "op": "d", "before": _POST, "after": None}, Deletion("1")),
        ({**_ROW, "op": "d", "before": {"id": 7}, "after": None}, Deletion("7")),
        ({**_ROW, "op": "d", "before": {"id": "7", "text": None}, "after": None}, Deletion("7")),
        ({**_ROW, "op": "d", "before": json.dumps(_POST), "after": None}, Deletion("1")),
        ({"schema": None, "payload": {**_ROW, "op": "d", "before": _POST, "after": None}}, Deletion("1")),
        ({**_POST, "__deleted": "true"}, Deletion("1")),
        ({"id": 7, "text": None, "__deleted": True}, Deletion("7")),
        ({**_ROW, "op": "d", "before": None, "after": None}, Skipped("unnamed_deletion")),
        ({**_ROW, "op": "d", "before": {"a": 1}, "after": None}, Skipped("unnamed_deletion")),
        ({**_ROW, "op": "d", "before": {"id": "a\nb"}, "after": None}, Skipped("unnamed_deletion")),
        ({**_ROW, "op": "d", "before": [_POST, _POST], "after": None}, Skipped("unnamed_deletion")),
        # MongoDB may tell only what an update has changed; that withdraws nothing.
        ({**_ROW, "op": "u", "before": json.dumps(_POST), "after": None}, Skipped("no_data")),
        ({"op": "t", "source": {}, "ts_ms": 1}, Skipped("truncation")),
        ({"op": "m", "source": {}, "ts_ms": 1, "message": {"content": "eA=="}}, Skipped("log_message")),
        ({"schema": None, "payload": None}, Skipped("tombstone")),
        ({"op": "d", "source": {}, "ts_ms": 1}, Skipped("unnamed_deletion")),
        (_EVENT, Skipped("no_data")),
        ([], Skipped("nothing")),
    ],
)
def test_a_deletion_is_no_post(document: Any, reading: Reading) -> None:
    """A deleted row withdraws the post under its id, and what says nothing about a post is skipped."""
    assert _read(_bytes(document)) == [reading]


def test_a_row_that_is_not_deleted_is_a_post() -> None:
    """Debezium writes the mark on every row."""
    [read] = _read(_bytes({**_POST, "__deleted": "false"}))
    assert isinstance(read, ReadPost)
    assert read.read_as.envelopes == []


def test_posts_of_a_list_have_their_places_and_a_bad_one_harms_none() -> None:
    """The bad one keeps its own bytes for its dead letter."""
    second = {"id": "2", "text": "Flood", "metadata": {"a": [1.5]}}
    items = [_POST, {"id": "bad"}, [second], 7, {**_ROW, "op": "d", "before": {"id": "9"}, "after": None}]
    first, bad, nested, number, deleted = _read(_bytes(items))
    assert isinstance(first, ReadPost)
    assert isinstance(nested, ReadPost)
    assert isinstance(bad, BadPost)
    assert isinstance(number, BadPost)
    assert [(r.post.id, r.index) for r in (first, nested)] == [("1", 0), ("2", 2)]
    assert nested.read_as.envelopes == ["list", "list"]
    assert [(json.loads(b.value), b.index) for b in (bad, number)] == [({"id": "bad"}, 1), (7, 3)]
    assert "it has no `text`" in str(bad.error)
    assert deleted == Deletion("9")


def test_a_bad_item_is_read_again_as_it_was() -> None:
    """Its bytes hold what its record held, numbers beyond 64 bits and halves of pairs included."""
    good, bad = _read(b'[{"id": "1", "text": "x"}, {"id": 18446744073709551616, "text": "\\ud800"}]')
    assert isinstance(bad, BadPost)
    assert "beyond 64 bits" in str(bad.error)
    assert json.loads(bad.value) == {"id": "18446744073709551616", "text": "\ufffd"}
    assert isinstance(good, ReadPost)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (_bytes([1, 2, {"a": 1}]), "none of 3 items is a post; the first: not a Post: a number"),
        (_bytes([_POST] * (MAX_ITEMS + 1)), f"more than {MAX_ITEMS} posts in one record"),
        (b"[" * 9 + _bytes(_POST) + b"]" * 9, "more than 8 envelopes in each other: list, list"),
        (_bytes({**_EVENT, "data_base64": "%%"}), "`data_base64` is not Base64"),
        (_bytes({**_EVENT, "data_base64": 5}), "`data_base64` is not Base64"),
        (_bytes({**_EVENT, "data": 5}), "a number in JSON, not an object"),
        (_bytes({**_EVENT, "data_base64": _base64(b"\x1f\x8b\x08")}), "compressed with gzip"),
        (_bytes({"schema": None, "payload": "Fire"}), "a JSON text that holds no JSON"),
        (_bytes('{"id": "1"'), "cut off after 10 bytes"),
        (_bytes(json.dumps({"id": "1", "text": "x", "a": {}}).replace("{}", "[" * 40 + "]" * 40)), "32 deep"),
    ],
)
def test_an_envelope_that_holds_no_post_has_a_reason(value: bytes, complaint: str) -> None:
    """A record in which nothing can be read is one dead letter."""
    with pytest.raises(RecordError, match=complaint):
        _read(value)


@pytest.mark.parametrize(
    "document",
    [
        {**_POST, "op": "c"},
        {**_POST, "op": "c", "source": "desk"},
        {**_POST, "schema": "v1", "payload": {"a": 1}},
        {**_POST, "specversion": "1.0", "type": "post", "source": "desk"},
        {**_POST, "after": {"id": "2", "text": "x"}},
    ],
)
def test_a_post_with_fields_like_an_envelopes_is_a_post(document: dict[str, Any]) -> None:
    """An envelope is known by its whole shape."""
    [read] = _read(_bytes(document))
    assert isinstance(read, ReadPost)
    assert (read.post.id, read.read_as.envelopes) == ("1", [])


def test_a_change_inside_an_envelope_is_told() -> None:
    """What was mended in each layer is in the list."""
    inner = '{"id": 5, "text": "x\\ud800", "a": NaN}'
    [read] = _read(b"\xef\xbb\xbf" + _bytes({"schema": None, "payload": inner}))
    assert isinstance(read, ReadPost)
    assert read.read_as.envelopes == ["kafka_connect", "json_string"]
    assert read.read_as.changes == ["byte_order_mark", "not_a_number", "lone_surrogate", "id_number"]


@pytest.mark.parametrize("is_flat", [False, True])
def test_a_text_that_debezium_does_not_know_is_no_text(is_flat: bool) -> None:
    """PostgreSQL does not send a long value that an update has left as it was."""
    row = {"id": "1", "text": "__debezium_unavailable_value"}
    with pytest.raises(InvalidMessageError, match="set REPLICA IDENTITY FULL on the table"):
        _read(_bytes(row if is_flat else {**_ROW, "op": "u", "after": row}))
