"""One message: texts and captions, links in UTF-16, service messages, times."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.formats.format import Draft, Skipped
from pipeline.formats.networks.telegram.message import bot_message, exported_message, telethon_message

_CHAT = {"id": -1001000000005, "title": "Desk", "username": "desk_sample"}


def _message(**fields: Any) -> Any:
    return bot_message({"message_id": 3, "date": 1773478800, "chat": _CHAT, **fields})


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"text": "Flood"}, "Flood"),
        ({"text": "Flood", "caption": "x"}, "Flood"),
        ({"caption": "Flood", "photo": []}, "Flood"),
        ({"photo": []}, ""),
        ({"location": {"latitude": 1}}, ""),
    ],
)
def test_where_the_text_lies(fields: Any, text: str) -> None:
    assert _message(**fields).text == text


@pytest.mark.parametrize("fields", [{"new_chat_members": []}, {"pinned_message": {}}, {}])
def test_a_message_of_the_chat_about_itself_is_no_post(fields: Any) -> None:
    assert _message(**fields) == Skipped("service_message")


@pytest.mark.parametrize("before", ["", "Über ", "🌊🌊 ", "洪水 "])
@pytest.mark.parametrize("field", ["entities", "caption_entities"])
def test_links_count_in_code_points(before: str, field: str) -> None:
    text = f"{before}read on, please"
    offset = len(before.encode("utf-16-le")) // 2
    entities = [{"type": "text_link", "offset": offset, "length": 7, "url": "https://desk.example"}]
    draft = _message(**{"text" if field == "entities" else "caption": text, field: entities})
    (link,) = draft.metadata["links"]
    assert text[link["start"] : link["end"]] == link["text"] == "read on"


@pytest.mark.parametrize(("offset", "length"), [(-1, 3), (0, 99), (3, 0), ("0", 3), (0, None), (0, True)])
def test_an_entity_outside_of_the_text_is_left_out(offset: Any, length: Any) -> None:
    entities = [{"type": "text_link", "offset": offset, "length": length, "url": "https://desk.example"}]
    links = _message(text="Flood", entities=entities).metadata.get("links")
    assert links is None or (length is True and links[0]["text"] == "F")


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({"from": {"id": 1, "first_name": "Ida", "username": "ida"}}, "ida"),
        ({"from": {"id": 1, "first_name": "Ida"}}, "Ida"),
        ({"from": {"id": 1}}, "1"),
        ({"from": {"id": 1}, "sender_chat": {"id": -5, "title": "Press"}}, "Press"),
        ({}, "desk_sample"),
    ],
)
def test_who_writes(fields: Any, author: str) -> None:
    assert _message(text="Flood", **fields).author == author


def test_a_forwarded_message_and_a_reply() -> None:
    origin = {"type": "channel", "chat": {"id": -1009, "username": "other"}, "message_id": 8}
    metadata = _message(text="Flood", forward_origin=origin, reply_to_message={"message_id": 2}).metadata
    assert metadata["reposted"] == {"id": "-1009/8", "author": "other"}
    assert metadata["reply_to"] == {"id": "-1001000000005/2"}


@pytest.mark.parametrize(
    ("text", "whole", "links"),
    [
        ("Flood", "Flood", None),
        (["Flood in ", {"type": "bold", "text": "Jakarta"}, "!"], "Flood in Jakarta!", None),
        (["a ", {"type": "link", "text": "https://x.example"}], "a https://x.example", None),
        (
            ["🌊 ", {"type": "text_link", "text": "map", "href": "https://x.example"}],
            "🌊 map",
            [{"text": "map", "url": "https://x.example", "start": 2, "end": 5}],
        ),
        ([None, 1, {"text": 2}], "", None),
    ],
)
def test_the_text_of_an_export_is_one_text(text: Any, whole: str, links: Any) -> None:
    draft = exported_message({"id": 1, "type": "message", "text": text}, -5)
    assert isinstance(draft, Draft)
    assert draft.text == whole
    assert (draft.metadata or {}).get("links") == links


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"date_unixtime": "1773478800", "date": "2026-03-14T10:00:00"}, 1773478800),
        ({"date": "2026-03-14T10:00:00"}, "2026-03-14T10:00:00"),
        ({"date_unixtime": "9" * 5000, "date": "x"}, "x"),
        ({"date_unixtime": "x", "date": "y"}, "y"),
    ],
)
def test_the_time_of_an_export(fields: Any, time: Any) -> None:
    draft = exported_message({"id": 1, "type": "message", "text": "a", **fields}, -5)
    assert isinstance(draft, Draft)
    assert draft.created_at == time


def test_an_old_export_says_1970_for_never_edited() -> None:
    draft = exported_message({"id": 1, "type": "message", "text": "a", "edited": "1970-01-01T01:00:00"}, -5)
    assert isinstance(draft, Draft)
    assert draft.metadata is None


def test_messages_of_telethon() -> None:
    message = {"_": "Message", "id": 3, "message": "Flood", "from_id": {"_": "PeerUser", "user_id": 7}}
    draft = telethon_message(message, -1000000000009)
    assert isinstance(draft, Draft)
    assert (draft.id, draft.text, draft.author) == ("-1000000000009/3", "Flood", "7")
    assert telethon_message({"_": "MessageService", "id": 4}, -5) == Skipped("service_message")
