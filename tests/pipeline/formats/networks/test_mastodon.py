"""Mastodon: text out of HTML, ids that hold in the whole network or in one instance, events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read


def _status(**fields: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "uri": "https://a.example/users/ana/statuses/7",
        "url": "https://a.example/@ana/7",
        "content": "<p>Flood in Jakarta</p>",
        "account": {"acct": "ana"},
        "spoiler_text": "",
        **fields,
    }


def _text(**fields: Any) -> Any:
    return read("mastodon", _status(**fields))[0].text


def test_an_event_of_the_stream() -> None:
    (draft,) = read("mastodon", document("mastodon.jsonl"))
    assert draft.text == (
        "Strong earthquake shakes Osaka, trains stop all over the city\n"
        "More at https://quakes.example/japan/osaka/2026-03-14-strong-earthquake #Osaka"
    )
    assert draft.id == "https://social.example/users/quakes/statuses/115000000000000001"
    assert (draft.author, draft.lang, draft.url) == (
        "quakes",
        "en",
        "https://social.example/@quakes/115000000000000001",
    )
    assert draft.changes == ("html", "custom_emoji")
    assert draft.metadata["alt_texts"] == ["A clock that has stopped at 07:58"]


@pytest.mark.parametrize(
    ("content", "emojis", "text"),
    [
        ("<p>Flood in Jakarta</p>", [], "Flood in Jakarta"),
        ("<p>Flood in<br>Jakarta</p><p>Now</p>", [], "Flood in\nJakarta\nNow"),
        ("<p>M&amp;S &lt;closed&gt;</p>", [], "M&S <closed>"),
        ("<p>Fire :fire: in :fire: Rome</p>", [{"shortcode": "fire"}], "Fire in Rome"),
        ("<p>:fire:</p>", [{"shortcode": "fire"}], ""),
        ("<p>Fire :fire: in Rome</p>", [], "Fire :fire: in Rome"),
        ("<p>at 10:30:15 in Rome</p>", [{"shortcode": "30"}], "at 10:30:15 in Rome"),
        (
            '<p><span class="h-card"><a href="https://b.example/@bo">@<span>bo</span></a></span> ok</p>',
            [],
            "@bo ok",
        ),
    ],
)
def test_the_text_is_what_a_reader_sees(content: str, emojis: Any, text: str) -> None:
    assert _text(content=content, emojis=emojis) == text


def test_a_content_warning_is_the_first_line() -> None:
    (draft,) = read("mastodon", _status(spoiler_text="Flood"))
    assert draft.text == "Flood\nFlood in Jakarta"
    assert draft.changes == ("html", "spoiler_text")
    (draft,) = read("mastodon", _status(spoiler_text="Flood", content=""))
    assert draft.text == "Flood"


def test_a_boost_has_the_text_of_the_status_that_it_repeats() -> None:
    (draft,) = read("mastodon", document("mastodon.json", 1))
    assert draft.id == "https://social.example/users/lena/statuses/115000000000000012/activity"
    assert (draft.author, draft.lang) == ("lena", "en")
    assert draft.text.startswith("Train derails near Milan")
    assert draft.metadata["reposted"]["author"] == "railnews"


def test_quotes_edits_and_replies_are_in_the_metadata() -> None:
    quoted = _status(uri="https://b.example/1", url=None, content="<p>Rain</p>", account={"acct": "bo"})
    (draft,) = read(
        "mastodon",
        _status(
            quote={"state": "accepted", "quoted_status": quoted}, edited_at="2026-03-14", in_reply_to_id="5"
        ),
    )
    assert draft.metadata["quoted"] == {"id": "https://b.example/1", "author": "bo", "text": "Rain"}
    assert draft.metadata["edited_at"] == "2026-03-14"
    assert draft.metadata["reply_to"] == {"id": "5"}


def test_an_event_that_names_its_instance_gives_the_id_that_its_deletion_withdraws() -> None:
    event = {"event": "update", "payload": json.dumps(_status()), "instance": "a.example"}
    deletion = {"event": "delete", "payload": "7", "instance": "a.example"}
    assert BY_NAME["mastodon"].recognises(event)
    assert read("mastodon", event)[0].id == "a.example/7"
    assert read("mastodon", deletion) == [Deletion("a.example/7")]


def test_odd_json_in_a_payload_costs_no_post() -> None:
    payload = json.dumps(_status(content="<p>Flood \ud83d</p>", id=10**30))
    (draft,) = read("mastodon", {"event": "update", "payload": payload})
    assert draft.text == "Flood \ufffd"
    assert draft.metadata["status_id"] == "1" + "0" * 30
    assert draft.changes == ("huge_number", "lone_surrogate", "html")


def test_a_deletion_without_an_instance_names_no_post() -> None:
    event = {"stream": ["public"], "event": "delete", "payload": "7"}
    assert read("mastodon", event) == [Skipped("unnamed_deletion")]


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({"stream": ["user"], "event": "notification", "payload": "{}"}, "other"),
        ({"stream": ["user"], "event": "filters_changed"}, "notice"),
        ({"stream": ["user"], "event": "announcement.reaction", "payload": "{}"}, "like"),
        ({"stream": ["direct"], "event": "conversation", "payload": "{}"}, "other"),
    ],
)
def test_other_events_are_no_posts(event: Any, what: str) -> None:
    assert BY_NAME["mastodon"].recognises(event)
    assert read("mastodon", event) == [Skipped(what)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"event": "update", "payload": "{"}, "not JSON"),
        ({"event": "update", "payload": "[]"}, "not a status"),
        ({"event": "update", "payload": None}, "not a status"),
        ({"event": "update", "payload": '{"id": 1, "id": 2}'}, "not JSON: .*id"),
        ({"event": "update", "payload": '{"content": ' + "[" * 30 + "]" * 30 + "}"}, "too deep"),
        ({"event": "update", "payload": '{"content": ' + "[" * 9000 + "]" * 9000 + "}"}, "not JSON"),
        ({"text": "x"}, "neither a status with `content` nor an event"),
    ],
)
def test_what_is_wrong_is_named(value: Any, reason: str) -> None:
    with pytest.raises(InvalidMessageError, match=reason):
        read("mastodon", value)
