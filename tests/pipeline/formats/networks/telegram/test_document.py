"""Telegram's documents: updates, exports, lone messages; one id for one message in all of them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read

TELEGRAM = BY_NAME["telegram"]
_CHAT = {"id": -1001333333333, "type": "channel", "title": "Ash"}


def test_an_edited_post_keeps_its_id() -> None:
    posted, edited = (read("telegram", document("telegram.jsonl", number))[0] for number in range(2))
    assert posted.id == edited.id == "-1001111111111/71"
    assert edited.text == "Storm surge floods the old town of Venice, 40 people rescued"
    assert edited.metadata["edited_at"] == 1773469000


def test_one_message_has_one_id_in_every_form() -> None:
    update = {
        "update_id": 1,
        "channel_post": {"message_id": 2, "date": 1773478800, "chat": _CHAT, "text": "a"},
    }
    export = {
        "type": "public_channel",
        "id": 1333333333,
        "messages": [{"id": 2, "type": "message", "text": "a"}],
    }
    lone = {
        "id": 2,
        "type": "message",
        "date_unixtime": "1773478800",
        "from_id": "channel1333333333",
        "text": "a",
    }
    telethon = {
        "_": "Message",
        "id": 2,
        "peer_id": {"_": "PeerChannel", "channel_id": 1333333333},
        "message": "a",
    }
    account = {"chats": {"about": "x", "list": [export]}}
    answer = {"ok": True, "result": [update]}
    values = [update, update["channel_post"], export, lone, telethon, account, answer]
    assert [TELEGRAM.recognises(value) for value in values] == [True] * len(values)
    assert {read("telegram", value)[0].id for value in values} == {"-1001333333333/2"}


def test_an_export_gives_its_messages() -> None:
    service, first, second = read("telegram", document("telegram.json"))
    assert service == Skipped("service_message")
    assert first.text == "Volcano erupts on Iceland, flights to #Reykjavik cancelled. Map"
    assert (first.created_at, first.url) == (1773478800, "https://t.me/c/1333333333/2")
    assert second.metadata["reply_to"] == {"id": "-1001333333333/2"}


def test_messages_that_were_deleted() -> None:
    assert read("telegram", document("telegram.jsonl", 4)) == [Deletion("45/3"), Deletion("45/4")]
    unnamed = {"update_id": 1, "deleted_business_messages": {"message_ids": [3]}}
    assert read("telegram", unnamed) == [Skipped("unnamed_deletion")]


@pytest.mark.parametrize(
    ("update", "what"),
    [
        ({"message_reaction": {"chat": {}}}, "like"),
        ({"my_chat_member": {"chat": {}}}, "account"),
        ({"poll": {"id": "1"}}, "other"),
        ({"something_new": {}}, "other"),
    ],
)
def test_other_updates_are_no_posts(update: Any, what: str) -> None:
    assert TELEGRAM.recognises({"update_id": 1, **update})
    assert read("telegram", {"update_id": 1, **update}) == [Skipped(what)]


def test_a_chat_without_an_id_costs_no_other() -> None:
    message = {"id": 2, "type": "message", "text": "a"}
    chats = [
        {"type": "saved_messages", "messages": [message]},
        {"type": "bot_chat", "id": 5, "messages": [message]},
    ]
    assert [draft.id for draft in read("telegram", {"chats": {"list": chats}})] == [None, "5/2"]


def test_an_answer_without_updates_is_no_post() -> None:
    """Who polls gets it most of the time."""
    value = {"ok": True, "result": []}
    assert TELEGRAM.recognises(value)
    assert read("telegram", value) == [Skipped("nothing")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            {"id": 2, "type": "message", "date_unixtime": "1", "from_id": "user5", "text": "a"},
            "without its chat",
        ),
        ({"text": "x"}, "neither an update, nor a message, nor an export"),
    ],
)
def test_what_is_wrong_is_named(value: Any, reason: str) -> None:
    with pytest.raises(InvalidMessageError, match=reason):
        read("telegram", value)
