"""X, API v2: whole texts, what `includes` adds, deletions, and what is told apart from a post."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read

X_V2 = BY_NAME["x-v2"]


def test_a_line_of_the_filtered_stream() -> None:
    (draft,) = read("x-v2", document("x-v2.jsonl"))
    assert (draft.id, draft.author, draft.lang, draft.source) == (
        "1912345678901234501",
        "rheindesk",
        "en",
        "x",
    )
    assert draft.text.startswith(
        "BREAKING: Explosion at a chemical plant in Ludwigshafen, several people injured &amp; "
    )
    assert draft.url == "https://x.com/rheindesk/status/1912345678901234501"
    assert draft.metadata == {
        "links": [
            {"text": "https://t.co/Ab12Cd34Ef", "url": "https://rheindesk.example/ludwigshafen-explosion"}
        ],
        "alt_texts": ["Smoke over the plant, seen from the river"],
        "matching_rules": ["explosions"],
    }
    assert draft.changes == ()


def test_a_cut_retweet_gets_the_whole_text_and_stays_a_post_of_its_own() -> None:
    (draft,) = read("x-v2", document("x-v2.jsonl", 1))
    assert draft.id == "1912345678901234502"
    assert draft.author == "ana_on_air"
    assert draft.text.startswith(
        "RT @rheindesk: BREAKING: Explosion at a chemical plant in Ludwigshafen, several"
    )
    assert draft.changes == ("retweeted_post",)
    assert draft.metadata["reposted"] == {
        "id": "1912345678901234501",
        "author": "rheindesk",
        "url": "https://x.com/rheindesk/status/1912345678901234501",
    }


@pytest.mark.parametrize(
    ("includes", "text"),
    [
        ({}, "RT @desk: Explosion at the plant in Ludwigsh…"),
        ({"tweets": [{"id": "9", "text": "another"}]}, "RT @desk: Explosion at the plant in Ludwigsh…"),
        ({"tweets": [{"id": "2"}]}, "RT @desk: Explosion at the plant in Ludwigsh…"),
        ({"tweets": [{"id": "2", "text": "Whole"}]}, "RT @desk: Whole"),
        (
            {"tweets": [{"id": "2", "text": "Cut…", "note_tweet": {"text": "Whole and long"}}]},
            "RT @desk: Whole and long",
        ),
        (
            {
                "tweets": [{"id": 2, "text": "Whole", "author_id": 7}],
                "users": [{"id": "7", "username": "new_name"}],
            },
            "RT @new_name: Whole",
        ),
    ],
)
def test_the_whole_text_of_a_retweet_is_taken_from_includes_only(includes: Any, text: str) -> None:
    post = {
        "id": "1",
        "text": "RT @desk: Explosion at the plant in Ludwigsh…",
        "referenced_tweets": [{"type": "retweeted", "id": "2"}],
    }
    assert read("x-v2", {"data": post, "includes": includes})[0].text == text


def test_a_long_post_is_whole() -> None:
    (draft,) = read("x-v2", document("x-v2.jsonl", 2))
    assert draft.text.endswith("Trains to Bandung are cancelled until Sunday.")
    assert draft.changes == ("note_tweet",)


def test_a_quoted_post_is_in_the_metadata_and_not_in_the_text() -> None:
    _, draft = read("x-v2", document("x-v2.json"))
    assert draft.text == "This is what my street looks like right now"
    assert draft.metadata["quoted"] == {
        "id": "1912345678901234601",
        "author": "gridnews_pk",
        "text": "Power is out across half of Karachi since 3am, hospitals run on generators",
        "url": "https://x.com/gridnews_pk/status/1912345678901234601",
    }


@pytest.mark.parametrize(
    "post",
    [
        {"id": "1", "text": "Flood", "edit_history_tweet_ids": ["1"]},
        {"id": "1", "text": "Flood", "note_tweet": {"text": "Flood and more"}},
        {"id": "1", "text": "Flood", "referenced_tweets": []},
        {"id": "1", "text": "Flood", "public_metrics": {"retweet_count": 0}},
    ],
)
def test_a_bare_post_is_known_by_what_only_v2_has(post: Any) -> None:
    assert X_V2.recognises(post)
    (draft,) = read("x-v2", post)
    assert (draft.id, draft.author, draft.url) == ("1", None, "https://x.com/i/web/status/1")


def test_a_post_that_a_tool_has_expanded_in_place() -> None:
    original = {"type": "retweeted", "id": "2", "text": "Whole", "author": {"username": "desk"}}
    post = {
        "id": "1",
        "text": "RT @desk: Wh…",
        "author": {"username": "ana"},
        "referenced_tweets": [original],
    }
    (draft,) = read("x-v2", post)
    assert (draft.text, draft.author) == ("RT @desk: Whole", "ana")
    assert draft.metadata["reposted"]["url"] == "https://x.com/desk/status/2"


def test_an_author_without_includes_is_the_number() -> None:
    assert read("x-v2", {"data": {"id": "1", "text": "Flood", "author_id": "7001"}})[0].author == "7001"


def test_an_odd_user_name_does_not_become_an_address() -> None:
    includes = {"users": [{"id": "7", "username": "../../evil?x="}]}
    (draft,) = read("x-v2", {"data": {"id": "1", "text": "Flood", "author_id": "7"}, "includes": includes})
    assert draft.url == "https://x.com/i/web/status/1"


@pytest.mark.parametrize(
    ("data", "item"),
    [
        ({"delete": {"tweet": {"id": "1", "author_id": "2"}, "event_at": "2026-03-14"}}, Deletion("1")),
        ({"drop": {"tweet": {"id": "1"}}}, Deletion("1")),
        ({"delete": {"tweet": {}}}, Skipped("unnamed_deletion")),
        ({"undrop": {"tweet": {"id": "1"}}}, Skipped("notice")),
        ({"withheld": {"tweet": {"id": "1"}, "withheld_in_countries": ["XX"]}}, Skipped("withheld")),
        ({"tweet_edit": {"tweet": {"id": "1"}, "edit_tweet_ids": ["1", "2"]}}, Skipped("notice")),
        ({"user_delete": {"user": {"id": "2"}}}, Skipped("account")),
    ],
)
def test_compliance_events(data: Any, item: Any) -> None:
    assert X_V2.recognises({"data": data})
    assert read("x-v2", {"data": data}) == [item]


def test_errors_and_empty_pages_are_no_posts() -> None:
    problem = {"title": "x", "detail": "y", "type": "https://api.twitter.com/2/problems/streaming-connection"}
    for value in ({"errors": [problem]}, problem):
        assert X_V2.recognises(value)
        assert read("x-v2", value) == [Skipped("error")]
    for empty in ({"data": [], "meta": {"result_count": 0}}, {"meta": {"result_count": 0}}):
        assert X_V2.recognises(empty)
        assert read("x-v2", empty) == [Skipped("nothing")]


def test_errors_beside_a_post_cost_nothing() -> None:
    problem = {"type": "https://api.twitter.com/2/problems/resource-not-found", "resource_id": "5"}
    value = {"data": [{"id": "1", "text": "Flood", "edit_history_tweet_ids": ["1"]}], "errors": [problem]}
    assert X_V2.recognises(value)
    assert [draft.id for draft in read("x-v2", value)] == ["1"]


def test_another_document_is_refused_with_what_was_expected() -> None:
    with pytest.raises(InvalidMessageError, match="neither `data` nor a post"):
        read("x-v2", {"statuses": []})
