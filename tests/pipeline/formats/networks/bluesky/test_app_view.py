"""Bluesky's app view: posts in feeds, records with their address, and what is not shown."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read

_URI = "at://did:plc:a/app.bsky.feed.post/3l"
_RECORD = {"$type": "app.bsky.feed.post", "text": "Flood"}


def test_a_feed_gives_its_posts_with_what_they_quote() -> None:
    first, second = read("bluesky", document("bluesky.json"))
    assert first.author == "harbourdesk.example"
    assert first.url == "https://bsky.app/profile/did:plc:desk7exampleaaaaaaaaaaaa/post/3lkcccccccc2b"
    assert second.metadata["quoted"]["text"] == first.text
    assert second.metadata["quoted"]["id"] == first.id


@pytest.mark.parametrize(
    "value",
    [
        {"uri": _URI, "cid": "c", "value": _RECORD},
        {"uri": _URI, "cid": "c", "record": _RECORD, "author": {"handle": "ana.example"}},
        {"post": {"uri": _URI, "cid": "c", "record": _RECORD, "author": {"did": "did:plc:a"}}},
        {
            "uri": _URI,
            "cid": "c",
            "record": _RECORD,
            "author": "did:plc:a",
        },  # programs that read the firehose
        {"uri": _URI, "cid": "c", **_RECORD},
        {"records": [{"uri": _URI, "cid": "c", "value": _RECORD}]},
        {"posts": [{"uri": _URI, "cid": "c", "record": _RECORD, "author": {}}], "cursor": "x"},
    ],
)
def test_where_a_post_lies(value: Any) -> None:
    assert BY_NAME["bluesky"].recognises(value)
    (draft,) = read("bluesky", value)
    assert (draft.id, draft.text) == (_URI, "Flood")
    assert draft.author in ("did:plc:a", "ana.example")


def test_a_record_alone_has_no_id() -> None:
    assert BY_NAME["bluesky"].recognises(_RECORD)
    with pytest.raises(InvalidMessageError, match="without its address: the post's id is `uri`"):
        read("bluesky", _RECORD)


def test_a_bad_item_of_a_feed_costs_no_other() -> None:
    good, gone = {"uri": _URI, "record": _RECORD, "author": {}}, {"uri": _URI, "notFound": True}
    items = read("bluesky", {"posts": [good, None, gone, {"uri": _URI, "blocked": True}, good]})
    assert items[1].id is None
    assert items[1].text is None
    assert items[2:4] == [Skipped("withheld"), Skipped("withheld")]
    assert items[0] == items[4]


def test_an_empty_feed_is_no_post() -> None:
    assert read("bluesky", {"feed": []}) == [Skipped("nothing")]
