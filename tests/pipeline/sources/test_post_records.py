"""From documents of any format to the records of their posts."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError, UndecodableError
from pipeline.formats.format import Deletion, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.messages.codec import encode
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.settings.checks import PostFormatName
from pipeline.sources.post_file import Document, open_posts, read_all_documents
from pipeline.sources.post_records import (
    DocumentReader,
    OutcomeReader,
    read_items,
    read_raw_items,
    to_every_item,
    to_items,
)
from pipeline.sources.produce import SourceItem

_POST = b'{"id": "1", "text": "x"}'
_SAMPLES = Path(__file__).parents[1] / "formats" / "samples"
_DELETE = b'{"op": "d", "before": {"id": "7", "text": "x"}, "after": null, "source": {"table": "posts"}}'


def _items(content: bytes, *, is_file: bool = False, settings: Settings | None = None) -> list[SourceItem]:
    return list(to_items(Document(5, content, is_file), DocumentReader(settings or Settings())))


def _values(items: list[SourceItem]) -> list[object]:
    return [
        (item.record.key, item.record.value, list(item.record.headers))
        if isinstance(item.record, Outgoing)
        else item.record.reason
        if isinstance(item.record, RecordError)
        else item.record
        for item in items
    ]


def test_a_line_of_one_post_travels_as_it_is() -> None:
    """Under the post's id, whatever its format: the agent reads it once more."""
    tweet = b'{"data": {"id": "12", "text": "x", "edit_history_tweet_ids": ["12"]}}'
    for line, key in ((_POST, b"1"), (b'{"id":  7, "text": "x", "likes": 1}', b"7"), (tweet, b"12")):
        [item] = _items(line)
        assert (item.number, _values([item])) == (5, [(key, line, [])])


def test_each_of_several_posts_travels_in_our_own_form_with_the_name_of_its_format() -> None:
    """Bad items keep their number on the line, and deletions are tombstones."""
    items = _items(b"[" + b", ".join([_POST, b'{"id": "2"}', _DELETE, b'{"id": 3, "text": "y"}']) + b"]")
    header = b"tocsin; envelopes=list"
    assert _values(items) == [
        (b"1", b'{"id":"1","text":"x"}', [("tocsin-format", header)]),
        "invalid_message",
        (b"7", None, []),
        (b"3", b'{"id":"3","text":"y"}', [("tocsin-format", header + b"; changes=id_number")]),
    ]
    assert {item.number for item in items} == {5}
    assert str(items[1].record).startswith("item 2: not a Post")


def test_a_file_of_one_document_has_numbers_of_items() -> None:
    """Its posts travel in our own form even if it holds one: the lines of a file are no part of a post."""
    content = b'[\n{"id": "1",\n"text": "x"}, {"id": "2"}, {"id": "3", "text": ""}]'
    items = _items(content, is_file=True)
    assert [item.number for item in items] == [1, 2, 3]
    assert str(items[1].record).startswith("not a Post")
    assert _values(_items(b'{\n"id": "1",\n"text": "x"}', is_file=True)) == [
        (b"1", b'{"id":"1","text":"x"}', [("tocsin-format", b"tocsin")])
    ]


def test_the_limit_of_a_post_holds_for_each_post() -> None:
    """A document of many posts may be larger than the limit of one, and hold more than a record may."""
    settings = Settings(max_post_bytes=300)
    posts = [{"id": str(n), "text": "x" * (400 if n == 7 else 10)} for n in range(2_000)]
    items = _items(orjson.dumps(posts), settings=settings, is_file=True)
    bad = [(item.number, str(item.record)) for item in items if isinstance(item.record, RecordError)]
    assert len(items) == 2_000
    assert bad == [(8, "420 bytes: at most 300 are taken")]
    [item] = _items(orjson.dumps(posts[7]), settings=settings)
    assert isinstance(item.record, UndecodableError)


def test_what_is_no_post_is_an_item_that_is_skipped() -> None:
    """It is neither sent nor an error."""
    assert _values(_items(b"[]")) == [Skipped("nothing")]


def test_a_post_of_a_format_that_is_named_travels_in_our_own_form() -> None:
    """The agents may have other settings than the command that sends."""
    settings = Settings(post_format="x-v2")
    [item] = _items(b'{"data": {"id": "12", "text": "x"}}', settings=settings)
    assert isinstance(item.record, Outgoing)
    assert item.record.headers == [("tocsin-format", b"x-v2")]
    for agents in (Settings(), settings):
        [read] = PostReader.of(agents).read(item.record.value, item.record.headers)
        assert isinstance(read, ReadPost)
        assert (read.post.text, read.read_as.format) == ("x", "x-v2")


def test_our_own_form_that_is_named_travels_as_such() -> None:
    """An agent that recognises formats would read another one in this line."""
    line = b'{"id": "1", "text": "cut", "id_str": "2", "extended_tweet": {"full_text": "whole"}}'
    [item] = _items(line, settings=Settings(post_format="tocsin"))
    assert isinstance(item.record, Outgoing)
    [read] = PostReader.of(Settings()).read(item.record.value, item.record.headers)
    assert isinstance(read, ReadPost)
    assert (read.post.id, read.post.text, read.read_as.format) == ("1", "cut", "tocsin")


async def test_a_line_without_a_post_is_an_item_with_its_error(tmp_path: Path) -> None:
    """It keeps its number, and the posts around it are records under their ids; raw lines are sent all the same."""
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b"\n".join([_POST, b"{", b"", b'{"id": "9"}', _POST.replace(b"1", b"2")]))
    reader = DocumentReader(Settings())
    with open_posts(str(file)) as posts:
        items = [item async for batch in read_items(posts, reader) for item in batch]
    assert [item.number for item in items] == [1, 2, 4, 5]
    assert _values(items)[1:3] == ["undecodable", "invalid_message"]
    with open_posts(str(file), is_raw=True) as posts:
        items = [item async for batch in read_raw_items(posts, reader) for item in batch]
    keys = [item.record.key for item in items if isinstance(item.record, Outgoing)]
    assert keys == [b"1", None, None, b"2"]


@given(st.binary(max_size=50))
def test_a_raw_record_holds_its_line_as_it_is(line: bytes) -> None:
    """Whatever the line holds, it is the record's value."""
    assert DocumentReader(Settings()).raw_record(line).value == line


def test_a_raw_record_has_a_key_if_it_holds_one_post() -> None:
    """A line of several posts, or of one that is too large, has no key."""
    reader = DocumentReader(Settings(max_post_bytes=256))
    lines = (_POST, b"{", b"[%b, %b]" % (_POST, _POST), b'{"id": "1", "text": "%b"}' % (b"x" * 300))
    assert [reader.raw_record(line).key for line in lines] == [b"1", None, None, None]


def test_what_an_agent_makes_of_every_record_is_known_before_it_is_sent() -> None:
    """A bad item that is sent by itself may be read otherwise than among the others."""
    document = (
        b"[" + b", ".join([_POST, b'{"id": "2"}', b"[%b, 5, %b]" % (_POST, _POST), _DELETE, b'"x"']) + b"]"
    )
    items = list(to_every_item(Document(1, document), DocumentReader(Settings())))
    reader = OutcomeReader(Settings())
    outcomes = [reader.read(item.record) for item in items if isinstance(item.record, Outgoing)]
    ids = [[post.id if post else None for post in record] for record in outcomes]
    assert ids[:2] == [["1"], [None]]
    assert sum(map(len, ids)) == 1 + 1 + 3 + 0 + 1


@pytest.mark.parametrize(
    "name", sorted(file.name for file in _SAMPLES.iterdir() if file.suffix in (".json", ".jsonl", ".xml"))
)
async def test_a_file_of_every_format_is_read_without_an_option(name: str) -> None:
    """Each of its posts is a record that the agent reads as of this format; the format's name changes nothing."""
    form: PostFormatName = Path(name).stem.partition("-item")[0].partition("-entry")[0]  # type: ignore[assignment]
    found = {}
    for settings in (Settings(), Settings(post_format=form)):
        reader = DocumentReader(settings)
        everything = [
            one for document in await read_all_documents(_SAMPLES / name) for one in reader.read(document)
        ]
        posts = [one for one in everything if isinstance(one.reading, ReadPost)]
        assert posts
        assert all(isinstance(one.reading, (ReadPost, Deletion, Skipped)) for one in everything), everything
        for one in posts:
            assert one.record is not None
            [again] = PostReader.of(Settings()).read(one.record.value, one.record.headers)
            assert isinstance(again, ReadPost)
            assert isinstance(one.reading, ReadPost)
            assert (again.post, again.read_as.format) == (one.reading.post, form)
        found[settings.post_format] = [
            encode(one.reading.post) for one in posts if isinstance(one.reading, ReadPost)
        ]
    assert found["auto"] == found[form]


async def test_a_stream_that_curl_saved_is_read(tmp_path: Path) -> None:
    """Mastodon's streaming API as it comes over HTTP: the same posts as in the file of events of its WebSocket."""
    events = [json.loads(line) for line in (_SAMPLES / "mastodon.jsonl").read_text().splitlines()]
    streamed = [event for event in events if "event" in event and "payload" in event]
    file = tmp_path / "curl.txt"
    file.write_text(
        ":)\n" + "".join(f"event: {event['event']}\ndata: {event['payload']}\n\n" for event in streamed)
    )
    reader = DocumentReader(Settings())
    found = [one.reading for document in await read_all_documents(file) for one in reader.read(document)]
    assert len(found) == len(streamed) > 0
    assert any(isinstance(reading, ReadPost) for reading in found)
