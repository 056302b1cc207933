"""A post in our own form is read as one, whatever else is in it: else its text would be lost without a word."""

import json
from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import ReadPost
from pipeline.formats.reader import PostReader
from pipeline.settings import Settings

_READER = PostReader.of(Settings())
_DATA = {"id": "2", "text": "another text"}
_ADDRESS = "at://did:plc:a/app.bsky.feed.post/3l"


@pytest.mark.parametrize(
    "others",
    [
        {"user": {"screen_name": "ana"}, "message": {"message_id": 1}, "title": "x", "content": "<p>x</p>"},
        {"data": _DATA, "includes": {}},
        {"data": _DATA | {"edit_history_tweet_ids": ["2"]}},
        {"data": {"delete": {"tweet": {"id": "2"}}}},
        {"errors": [{"code": 88, "message": "a rate limit of our own service"}]},
        {"errors": [{"type": "https://api.twitter.com/2/problems/not-found"}]},
        {"tweet": {"id_str": "2", "full_text": "another text"}},
        {"delete": {"status": {"id": 2}}},
        {"statuses": [], "search_metadata": {}},
        {"kind": "t3", "data": {"title": "x"}},
        {"kind": "more", "data": {"children": []}},
        {"kind": "Listing", "data": {"children": []}},
        {"title": "x", "selftext": "y", "subreddit": "z", "author": "a", "created_utc": 1},
        {"did": "did:plc:x", "time_us": 1, "kind": "commit"},
        {"$type": "app.bsky.feed.post"},
        {"uri": _ADDRESS, "record": {"$type": "app.bsky.feed.post", "text": "x"}},
        {"feed": [{"uri": _ADDRESS, "notFound": True}]},
        {"event": "update", "payload": "x", "stream": ["public"]},
        {"type": "private_group", "messages": []},
        {"ok": True, "result": []},
        {"op": "upsert", "source": {"name": "desk"}, "ts_ms": 1},
        {"schema": {}, "payload": {}},
    ],
)
def test_the_text_is_that_of_the_post(others: dict[str, Any]) -> None:
    """The others go into the metadata."""
    [read] = _READER.read(json.dumps({"id": "1", "text": "Flood in Jakarta", **others}).encode())
    assert isinstance(read, ReadPost)
    assert (read.post.id, read.post.text, read.read_as.format) == ("1", "Flood in Jakarta", "tocsin")
    assert read.read_as.envelopes == []


@pytest.mark.parametrize(
    "document",
    [
        {"event": "notification", "payload": {"id": "1", "text": "Flood"}},
        {"event": "conversation", "payload": "Flood in Jakarta"},
        {"event": "update", "payload": {"id": "1", "text": "Flood"}},
        {"kind": "more", "data": {"id": "1", "text": "Flood"}},
        {"kind": "Listing", "data": {"children": 2, "text": "Flood"}},
        {"warning": {"code": "red"}, "headline": "Flood"},
        {"errors": [{"code": 1, "message": "m"}], "posts": [{"id": "1", "text": "Flood"}]},
        {"op": "upsert", "source": {"name": "desk"}, "ts_ms": 1, "row": {"id": "1", "text": "Flood"}},
    ],
)
def test_what_only_looks_like_a_notice_is_not_skipped(document: dict[str, Any]) -> None:
    """It becomes a dead letter that names its keys, so that its sender hears of it."""
    with pytest.raises(InvalidMessageError, match="its keys are"):
        _READER.read(json.dumps(document).encode())


def test_a_post_that_is_refused_says_as_what_it_was_read() -> None:
    """A missing text is looked for where that format has it."""
    status = {"content": None, "reblog": None, "uri": "u"}
    with pytest.raises(InvalidMessageError, match=r"it has no `text` \(read as mastodon\)$"):
        PostReader.of(Settings(post_format="mastodon")).read(json.dumps(status).encode())


@pytest.mark.parametrize("name", ["x-v2", "x-v1", "jetstream", "bluesky", "mastodon", "reddit", "telegram"])
@pytest.mark.parametrize(
    "document",
    [
        {"data": {"id": "1", "author_id": "2"}, "matching_rules": []},
        {"kind": "Thing", "data": {"children": [{"kind": "t9"}]}},
        {"post": {"body": "Flood"}},
        {"event": "flood", "place": "Jakarta"},
        {},
    ],
)
def test_a_named_format_skips_nothing_of_another_one(name: str, document: dict[str, Any]) -> None:
    """It is the setting that is wrong, and each record says so."""
    with pytest.raises(InvalidMessageError):
        PostReader.of(Settings.model_validate({"post_format": name})).read(json.dumps(document).encode())
