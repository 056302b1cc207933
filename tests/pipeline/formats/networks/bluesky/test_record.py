"""The record of a post: facets in bytes, cards, pictures, quotes and replies."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.formats.networks.bluesky.record import draft, is_address, page_url

_POST = "at://did:plc:a/app.bsky.feed.post/3l"


def _facet(start: Any, end: Any, uri: str = "https://desk.example/fire") -> dict[str, Any]:
    return {
        "index": {"byteStart": start, "byteEnd": end},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}],
    }


def _metadata(text: str, **record: Any) -> Any:
    return draft({"text": text, **record}, name=_POST, author="a").metadata


@pytest.mark.parametrize("before", ["", "Feuer in Köln ", "🔥 ", "火事 ", "e\u0301 "])
def test_links_count_in_code_points(before: str) -> None:
    text = f"{before}desk.example/fi... now"
    start = len(before.encode())
    (link,) = _metadata(text, facets=[_facet(start, start + 18)])["links"]
    assert text[link["start"] : link["end"]] == link["text"] == "desk.example/fi..."
    assert link["url"] == "https://desk.example/fire"


@pytest.mark.parametrize(
    "facet",
    [
        _facet(0, 99),
        _facet(-1, 3),
        _facet(3, 3),
        _facet(4, 2),
        _facet("0", "4"),
        _facet(True, 4),
        {"index": None, "features": [{"uri": "x"}]},
        {
            "index": {"byteStart": 0, "byteEnd": 4},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "x"}],
        },
        {"index": {"byteStart": 0, "byteEnd": 4}},
    ],
    ids=repr,
)
def test_a_facet_that_is_no_link_in_the_text_is_left_out(facet: Any) -> None:
    assert _metadata("Fire in Rotterdam", facets=[facet]) is None


def test_a_link_that_is_shown_whole_needs_no_entry() -> None:
    url = "https://desk.example"
    assert _metadata(url, facets=[_facet(0, len(url), url)]) is None


@pytest.mark.parametrize(
    ("embed", "metadata"),
    [
        (
            {"record": {"uri": _POST}},
            {"quoted": {"id": _POST, "url": "https://bsky.app/profile/did:plc:a/post/3l"}},
        ),
        (
            {"record": {"record": {"uri": _POST}}, "media": {"images": [{"alt": "smoke"}, {"alt": ""}]}},
            {
                "quoted": {"id": _POST, "url": "https://bsky.app/profile/did:plc:a/post/3l"},
                "alt_texts": ["smoke"],
            },
        ),
        ({"record": {"uri": "at://did:plc:a/app.bsky.feed.generator/x"}}, None),
        ({"images": [{"alt": "a"}, {"alt": "b"}]}, {"alt_texts": ["a", "b"]}),
        ({"video": {}, "alt": "a clip"}, {"alt_texts": ["a clip"]}),
        (
            {"external": {"uri": "https://x.example", "title": "T"}},
            {"links": [{"text": "T", "url": "https://x.example"}]},
        ),
    ],
)
def test_what_is_embedded(embed: Any, metadata: Any) -> None:
    assert _metadata("Fire", embed=embed) == metadata


def test_a_reply_names_the_post_above_and_the_first_one() -> None:
    reply = {"root": {"uri": "at://r"}, "parent": {"uri": "at://p"}}
    assert _metadata("Fire", reply=reply) == {"reply_to": {"id": "at://p", "root": "at://r"}}


@pytest.mark.parametrize(
    ("langs", "lang"), [(["en"], "en"), (["en", "de"], ["en", "de"]), ([], None), (None, None), ("en", "en")]
)
def test_the_languages(langs: Any, lang: Any) -> None:
    assert draft({"text": "Fire", "langs": langs}, name=_POST, author="a").lang == lang


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (_POST, True),
        ("at://ana.example/app.bsky.feed.post/3l", True),
        ("at://did:plc:a/app.bsky.feed.like/3l", False),
        ("at://did:plc:a/app.bsky.feed.post/3l/x", False),
        ("at://did:plc:a/app.bsky.feed.post/3l\n", False),
        (1, False),
    ],
)
def test_the_address_of_a_post(value: Any, is_one: bool) -> None:
    assert is_address(value) is is_one
    assert (page_url(value) is not None) is is_one
