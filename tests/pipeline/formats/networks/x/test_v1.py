"""X, API v1.1: whole texts, exact ids, deletions, and messages of the old streams."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read

X_V1 = BY_NAME["x-v1"]


@pytest.mark.parametrize("user", [{"screen_name": "ana"}, {"id": 7, "id_str": "7"}])
def test_a_retweet_is_made_whole_whatever_is_known_of_its_author(user: dict[str, Any]) -> None:
    """`trim_user=true` leaves the author's ids only."""
    repeated = {"id_str": "2", "full_text": "Explosion at the plant"}
    status = {"id_str": "1", "text": "RT @desk: Expl…", "user": user, "retweeted_status": repeated}
    (draft,) = read("x-v1", status)
    assert X_V1.recognises(status)
    assert draft.text == "RT @desk: Explosion at the plant"


def test_an_extended_post_is_whole_and_its_id_exact() -> None:
    (draft,) = read("x-v1", document("x-v1.jsonl"))
    assert draft.id == "1912345678901234701"  # the number beside it is rounded
    assert draft.text.endswith("over the hills, say firefighters &amp; police https://t.co/Qq11Ww22Ee")
    assert draft.changes == ("extended_tweet",)
    assert draft.created_at == "Sat Mar 14 06:12:09 +0000 2026"
    assert (draft.author, draft.url) == ("hillradio", "https://x.com/hillradio/status/1912345678901234701")
    assert draft.metadata == {
        "links": [{"text": "https://t.co/Qq11Ww22Ee", "url": "https://hillradio.example/fire"}]
    }


def test_the_whole_text_of_a_retweet_wins_over_the_cut_one() -> None:
    (draft,) = read("x-v1", document("x-v1.jsonl", 1))
    assert (draft.id, draft.author) == ("1912345678901234702", "ben_reads")
    assert draft.text.startswith("RT @hillradio: Wildfire near Athens")
    assert draft.text.endswith("firefighters &amp; police https://t.co/Qq11Ww22Ee")
    assert draft.changes == ("retweeted_post",)


def test_a_page_of_a_search_with_a_quoted_post() -> None:
    (draft,) = read("x-v1", document("x-v1.json"))
    assert draft.text.startswith("M&amp;S stops online orders")
    assert draft.metadata["quoted"]["text"] == "Our website takes no orders at the moment."


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"id_str": "1", "text": "a", "user": {"screen_name": "u"}}, "a"),
        ({"id_str": "1", "full_text": "b", "text": "a", "user": {"screen_name": "u"}}, "b"),
        ({"id_str": "1", "text": "a…", "extended_tweet": {"full_text": "c"}}, "c"),
        ({"tweet": {"id_str": "1", "full_text": "of my own archive"}}, "of my own archive"),
    ],
)
def test_where_the_text_lies(status: Any, text: str) -> None:
    assert X_V1.recognises(status)
    assert read("x-v1", status)[0].text == text


@pytest.mark.parametrize(
    ("value", "item"),
    [
        ({"delete": {"status": {"id": 5, "id_str": "6"}, "timestamp_ms": "1"}}, Deletion("6")),
        ({"delete": {"status": {"id": 5}}}, Deletion("5")),
        ({"delete": {"status": {}}}, Skipped("unnamed_deletion")),
        ({"limit": {"track": 5}}, Skipped("notice")),
        ({"limit": {"track": 5}, "timestamp_ms": "1"}, Skipped("notice")),
        ({"disconnect": {"code": 4, "stream_name": "x", "reason": "y"}}, Skipped("notice")),
        ({"warning": {"code": "FALLING_BEHIND", "message": "x", "percent_full": 60}}, Skipped("notice")),
        ({"scrub_geo": {"user_id": 1, "up_to_status_id": 2}}, Skipped("account")),
        ({"status_withheld": {"id": 1, "user_id": 2, "withheld_in_countries": ["XX"]}}, Skipped("withheld")),
        ({"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, Skipped("error")),
        ({"statuses": [], "search_metadata": {}}, Skipped("nothing")),
    ],
)
def test_what_is_no_post(value: Any, item: Any) -> None:
    assert X_V1.recognises(value)
    assert read("x-v1", value) == [item]


def test_another_document_is_refused_with_what_was_expected() -> None:
    with pytest.raises(InvalidMessageError, match="neither a status nor a message"):
        read("x-v1", {"uri": "x"})
