"""Reddit: things, listings, dumps, and what was deleted or removed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Draft, Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read


def test_a_listing_gives_posts_deletions_and_what_it_leaves_out() -> None:
    first, second, third, fourth = read("reddit", document("reddit.json"))
    assert first.id == "t3_1sample1"
    assert first.text.endswith("tsunami warning for Valparaiso &amp; the coast")
    assert first.url == "https://www.reddit.com/r/worldnews_sample/comments/1sample1/magnitude_69_earthquake/"
    assert first.metadata == {
        "subreddit": "worldnews_sample",
        "links": [{"url": "https://quakes.example/chile"}],
    }
    assert second.text.startswith("Signal failure in Zurich\nNo trains between Zurich and Bern")
    assert third == Deletion("t3_1sample3")
    assert fourth == Skipped("other")


def test_a_dump_has_posts_and_comments_without_their_full_names() -> None:
    post, comment, deleted = (read("reddit", document("reddit.jsonl", number))[0] for number in range(3))
    assert (post.id, comment.id) == ("t3_1samplea", "t1_csample1")
    assert comment.text == "My sister lives in Lyon, power is out there too"
    assert comment.metadata["reply_to"] == {"id": "t3_1samplea", "root": "t3_1samplea"}
    assert (comment.created_at, comment.author) == (1773490100, "watcher_two")
    assert deleted == Deletion("t1_csample2")


@pytest.mark.parametrize("withdrawn", ["[deleted]", "[removed]", " [removed]\n"])
@pytest.mark.parametrize(("kind", "field"), [("t1", "body"), ("t3", "selftext")])
def test_a_text_that_is_gone_is_a_deletion(kind: str, field: str, withdrawn: str) -> None:
    thing = {"kind": kind, "data": {"id": "x", "title": "Flood", field: withdrawn}}
    assert read("reddit", thing) == [Deletion(f"{kind}_x")]


def test_the_author_of_a_post_may_be_gone() -> None:
    assert (
        read("reddit", {"kind": "t1", "data": {"id": "x", "body": "Flood", "author": "[deleted]"}})[0].author
        is None
    )


def test_a_crosspost_names_the_post_that_it_repeats() -> None:
    parent = {"name": "t3_p", "title": "Flood", "author": "bo", "permalink": "/r/a/comments/p/"}
    (draft,) = read(
        "reddit", {"kind": "t3", "data": {"id": "x", "title": "Flood", "crosspost_parent_list": [parent]}}
    )
    assert draft.metadata["quoted"] == {
        "id": "t3_p",
        "author": "bo",
        "text": "Flood",
        "url": "https://www.reddit.com/r/a/comments/p/",
    }


@pytest.mark.parametrize(
    ("thing", "what"),
    [
        ({"kind": "t5", "data": {"id": "x"}}, "other"),
        ({"kind": "t2", "data": {"name": "ana"}}, "account"),
        ({"kind": "more", "data": {"children": []}}, "other"),
        ({"kind": "Listing", "data": {"children": []}}, "nothing"),
    ],
)
def test_what_is_no_post(thing: Any, what: str) -> None:
    assert BY_NAME["reddit"].recognises(thing)
    assert read("reddit", thing) == [Skipped(what)]


def test_another_document_is_refused_with_what_was_expected() -> None:
    with pytest.raises(InvalidMessageError, match="neither `kind` and `data` nor a post"):
        read("reddit", {"uri": "x"})


def test_replies_lie_in_what_they_reply_to() -> None:
    """A page of comments is a tree."""

    def comment(name: str, *replies: Any) -> dict[str, Any]:
        listing = {"kind": "Listing", "data": {"children": list(replies)}}
        return {
            "kind": "t1",
            "data": {"name": name, "body": f"text of {name}", "replies": listing if replies else ""},
        }

    more = {"kind": "more", "data": {"children": ["9"]}}
    tree = comment("t1_a", comment("t1_b", comment("t1_c")), comment("t1_d"), more)
    items = read("reddit", {"kind": "Listing", "data": {"children": [tree]}})
    assert [item.id for item in items if isinstance(item, Draft)] == ["t1_a", "t1_b", "t1_c", "t1_d"]
    assert items[-1] == Skipped("other")
