import contextlib
import json
from typing import Any

import orjson
import pytest

from pipeline.errors import InvalidMessageError, UndecodableError
from pipeline.formats.choice import FORMAT_NAMES, header_of
from pipeline.formats.envelopes import ENVELOPES, SKIPPED_ENVELOPES
from pipeline.formats.fields import CHANGES
from pipeline.formats.format import ReadPost
from pipeline.formats.networks.changes import NETWORK_CHANGES
from pipeline.formats.networks.skipped import SKIPPED
from pipeline.formats.reader import PostReader
from pipeline.messages import Post, ReadAs
from pipeline.settings import Settings
from tests.pages import first_column, section

_READER = PostReader.of(Settings())


def _read(document: Any, **chosen: Any) -> ReadPost:
    [read] = PostReader.of(Settings(**chosen)).read(json.dumps(document).encode())
    assert isinstance(read, ReadPost)
    return read


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lang": "en", "author": "ana", "source": "desk", "url": "u", "created_at": "2026-11-30T20:00:00Z"},
        {"metadata": {"a": [1, {"b": None}]}},
        {"text": ""},
        {"created_at": None, "metadata": None},
    ],
)
@pytest.mark.parametrize("post_format", ["auto", "tocsin"])
def test_a_post_in_our_own_form_is_read_as_it_is(fields: dict[str, Any], post_format: Any) -> None:
    """Nothing is changed, and nothing is reported."""
    document = {"id": "1", "text": "Fire", **fields}
    reported: list[dict[str, Any]] = []
    reader = PostReader.of(Settings(post_format=post_format), on_unknown=reported.append)
    assert reader.read(orjson.dumps(document)) == [ReadPost(Post(**document))]
    assert reported == []


@pytest.mark.parametrize(
    "fields",
    [{}, {"lang": "en"}, {"metadata": {"a": [1]}}, {"likes": 3}, {"likes": 3, "metadata": {"likes": 4}}],
)
def test_the_short_way_and_the_long_way_give_the_same(fields: dict[str, Any]) -> None:
    """A blank before the object is enough for the long way."""
    value = orjson.dumps({"id": "1", "text": "Fire", **fields})
    short: list[dict[str, Any]] = []
    long: list[dict[str, Any]] = []
    readings = PostReader.of(Settings(), on_unknown=short.append).read(value)
    assert readings == PostReader.of(Settings(), on_unknown=long.append).read(b" " + value)
    assert short == long


@pytest.mark.parametrize(
    ("fields", "post_id", "changes"),
    [
        ({"id": 1_750_000_000_000_000_000, "id_str": "1750000000000000001"}, "1750000000000000001", []),
        ({"id": None, "id_str": "5"}, "5", []),
        ({"id": "a", "id_str": "5"}, "a", []),
        ({"id": 7, "id_str": ""}, "7", ["id_number"]),
        ({"id": 7, "id_str": 8}, "7", ["id_number"]),
        ({"id": 7, "text": None}, "7", ["text_null", "id_number"]),
    ],
)
def test_the_id_as_text_wins_over_the_number(
    fields: dict[str, Any], post_id: str, changes: list[str]
) -> None:
    """A program in JavaScript has rounded the number. A post of pictures alone has null for its text."""
    read = _read({"text": "x", **fields})
    assert (read.post.id, read.read_as.changes) == (post_id, changes)


def test_a_post_without_its_number_has_the_id_as_text() -> None:
    """The other field stays among the unknown ones."""
    read = _read({"id_str": "5", "text": "x"})
    assert (read.post.id, read.post.metadata) == ("5", {"id_str": "5"})


def test_unknown_fields_of_a_mended_post_are_reported() -> None:
    """The long way reports what the short way reports."""
    reported: list[dict[str, Any]] = []
    reader = PostReader.of(Settings(), on_unknown=reported.append)
    [read] = reader.read(b'{"id": 1, "text": "x", "likes": 3, "metadata": [1]}')
    assert isinstance(read, ReadPost)
    assert read.post.metadata == {"likes": 3, "metadata": [1]}
    assert reported == [{"likes": 3}]
    with pytest.raises(InvalidMessageError):
        reader.read(b'{"id": true, "text": "x", "shares": 3}')
    assert reported == [{"likes": 3}]


@pytest.mark.parametrize("value", [None, b'{"id": "1", "text": "' + b"x" * 300 + b'"}'])
def test_no_value_and_too_many_bytes_are_refused(value: bytes | None) -> None:
    """Nothing of them is decoded."""
    with pytest.raises(UndecodableError, match=r"no value|323 bytes: at most 256 are taken"):
        PostReader.of(Settings(max_post_bytes=256)).read(value)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_converted_post_is_said_to_be_of_its_first_format(name: str) -> None:
    """Our sources write posts in our own form, with the format that they had in a header."""
    [read] = _READER.read(b'{"id": "1", "text": "x", "data": {}}', [("tocsin-format", name.encode())])
    assert read == ReadPost(Post(id="1", text="x", metadata={"data": {}}), ReadAs(format=name))


@pytest.mark.parametrize(
    "read_as",
    [
        ReadAs(format="mastodon", changes=["html", "custom_emoji", "id_number"]),
        ReadAs(format="x-v1", envelopes=["list", "debezium"], changes=["lone_surrogate"]),
    ],
)
def test_what_was_opened_and_changed_before_is_still_said(read_as: ReadAs) -> None:
    """Else the provenance of a live post would not tell what the source has made of it."""
    [read] = _READER.read(b'{"id": "1", "text": "x"}', [header_of(read_as)])
    assert read == ReadPost(Post(id="1", text="x"), read_as)


def test_unknown_codes_in_the_header_are_left_out() -> None:
    """Anyone can write headers, and codes become labels of metrics."""
    header = ("tocsin-format", b"reddit; changes=nonsense,html; envelopes=; other=html")
    [read] = _READER.read(b'{"id": "1", "text": "x"}', [header])
    assert read == ReadPost(Post(id="1", text="x"), ReadAs(format="reddit", changes=["html"]))


@pytest.mark.parametrize("value", [b"nonsense", b"auto", b"", b"\xff", None])
def test_a_header_of_another_meaning_is_ignored(value: bytes | None) -> None:
    """Anyone can write headers."""
    [read] = _READER.read(b'{"id": "1", "text": "x"}', [("tocsin-format", value), ("traceparent", b"00")])
    assert read == ReadPost(Post(id="1", text="x"))


def test_what_the_sender_calls_its_bytes_stands_in_the_reason() -> None:
    """A content type that is no JSON says more than the bytes do."""
    with pytest.raises(
        UndecodableError, match=r"binary data.* \(its header content-type is application/avro\)$"
    ):
        _READER.read(b"\x02\xff\x01", [("Content-Type", b"application/avro")])
    with pytest.raises(UndecodableError, match="__value_schema_id names a schema of Schema Registry"):
        _READER.read(b"\x021\x08Fire", [("__value_schema_id", b"\x01" * 17)])


def test_a_named_format_is_the_only_one() -> None:
    """What is not of our own form is refused, even if another format would recognise it."""
    with pytest.raises(InvalidMessageError, match="it has no `id` and no `text`; its keys are `data`"):
        _read({"data": {"id": "1", "text": "x"}}, post_format="tocsin")
    with pytest.raises(UndecodableError, match="XML or HTML, but not a feed"):
        PostReader.of(Settings(post_format="tocsin")).read(b"<rss/>")


@pytest.mark.parametrize("depth", [30, 31, 40])
@pytest.mark.parametrize("wrapped", [False, True])
def test_no_post_is_deeper_than_may_be_written(depth: int, wrapped: bool) -> None:
    """The depth counts where a field is kept, and an envelope takes none of it."""
    post = {"id": "1", "text": "x", "metadata": {"a": json.loads("[" * depth + "]" * depth)}}
    document = {"schema": None, "payload": post} if wrapped else post
    with (
        contextlib.nullcontext()
        if depth == 30
        else pytest.raises(UndecodableError, match="more than 32 deep")
    ):
        assert _read(document).post.metadata == post["metadata"]


def test_every_code_is_explained() -> None:
    """A user finds each envelope and each change that an alert names."""
    assert set(first_column(section("docs/records.md", "Which envelopes are opened?"))) == set(ENVELOPES)
    assert set(first_column(section("docs/records.md", "What is changed to make it a post?"))) == set(CHANGES)


def test_codes_are_few_and_each_once() -> None:
    """They are labels of metrics."""
    for codes in ((*CHANGES, *NETWORK_CHANGES), (*SKIPPED, *SKIPPED_ENVELOPES), FORMAT_NAMES):
        assert len(set(codes)) == len(codes) < 40
