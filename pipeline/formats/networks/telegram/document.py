"""Telegram: updates of the Bot API, exports of Telegram Desktop, and messages as Telethon writes them.

    {"update_id": 1, "channel_post": {"message_id": 7, "date": 1773468729, "chat": {"id": -1001, ...}, "text": "Flood"}}
    {"name": "Flood Watch", "type": "public_channel", "id": 1, "messages": [{"id": 7, "type": "message", ...}]}
    {"_": "Message", "id": 7, "peer_id": {"_": "PeerChannel", "channel_id": 1}, "message": "Flood", ...}

A message's number is unique in its chat only, so a post's id is `chat/number`. The chat has the id of the Bot API in
all three, so that one message has one id.

Documentation: https://core.telegram.org/bots/api (9.x), https://docs.telethon.dev (`to_dict`)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import (
    as_list,
    as_name,
    as_object,
    dig,
    has_own_text,
    is_integer,
    objects,
)
from pipeline.formats.networks.telegram.chat import (
    CHAT_TYPES,
    chat_of_export,
    chat_of_peer,
    chat_of_sender,
    post_id,
)
from pipeline.formats.networks.telegram.message import bot_message, exported_message, telethon_message

_MESSAGES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
)
_DELETED = "deleted_business_messages"
_REACTIONS = frozenset({"message_reaction", "message_reaction_count"})
_ACCOUNTS = frozenset({"my_chat_member", "chat_member", "chat_join_request", "business_connection"})
_TELETHON = frozenset({"Message", "MessageService", "MessageEmpty"})


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    if _is_bot_message(document) or _is_exported_message(document) or _is_telethon(document):
        return True
    if has_own_text(document):
        return False
    return (
        _is_update(document)
        or _is_chat(document)
        or any(_is_chat(chat) for chat in objects(dig(document, "chats", "list")))
        or _are_updates(document)
    )


def _are_updates(document: dict[str, Any]) -> bool:
    """Whether it is an answer of `getUpdates`, which is often empty."""
    results = document.get("result")
    return (
        document.keys() == {"ok", "result"}
        and document["ok"] is True
        and isinstance(results, list)
        and all(isinstance(update, dict) and _is_update(update) for update in results)
    )


def _is_update(document: dict[str, Any]) -> bool:
    """Whether it is a number and one object, whose name says what has happened."""
    contents = [value for name, value in document.items() if name != "update_id"]
    return is_integer(document.get("update_id")) and len(contents) == 1 and isinstance(contents[0], dict)


def _is_bot_message(document: dict[str, Any]) -> bool:
    return (
        is_integer(document.get("message_id"))
        and is_integer(document.get("date"))
        and is_integer(dig(document, "chat", "id"))
    )


def _is_chat(document: dict[str, Any]) -> bool:
    kind = document.get("type")
    return isinstance(kind, str) and kind in CHAT_TYPES and isinstance(document.get("messages"), list)


def _is_exported_message(document: dict[str, Any]) -> bool:
    return (
        document.get("type") in ("message", "service") and {"id", "date_unixtime", "text"} <= document.keys()
    )


def _is_telethon(document: dict[str, Any]) -> bool:
    kind = document.get("_")
    return isinstance(kind, str) and kind in _TELETHON and "peer_id" in document and "id" in document


def _read(document: Any) -> Iterable[Item]:
    return list(_items(as_object(document))) or [Skipped(skipped.NOTHING)]


def _items(document: dict[str, Any]) -> Iterator[Item]:
    if "update_id" in document:
        yield from _update(document)
    elif "message_id" in document:
        yield bot_message(document)
    elif "_" in document:
        yield telethon_message(document, chat_of_peer(document.get("peer_id")))
    elif isinstance(document.get("messages"), list):
        yield from _chat(document)
    elif isinstance(chats := dig(document, "chats", "list"), list):
        for chat in objects(chats):
            yield from _chat(chat)
    elif isinstance(document.get("result"), list):
        for update in objects(document["result"]):
            yield from _update(update)
    elif "date_unixtime" in document:
        yield _lone_message(document)
    else:
        raise InvalidMessageError(
            "not of Telegram: neither an update, nor a message, nor an export with `messages`"
        )


def _lone_message(message: dict[str, Any]) -> Item:
    """Return the post in a message that was taken out of its export."""
    chat = chat_of_sender(message)
    if chat is None and message.get("type") == "message":
        raise InvalidMessageError(
            "a message of a Telegram export without its chat: its number is unique in the chat only, so `messages` "
            "must stand in the chat, beside `id` and `type`"
        )
    return exported_message(message, chat)


def _update(update: dict[str, Any]) -> Iterator[Item]:
    """Yield what an update brings; each holds one thing."""
    for name in _MESSAGES:
        if isinstance(message := update.get(name), dict):
            yield bot_message(message)
            return
    if isinstance(deleted := update.get(_DELETED), dict):
        for number in as_list(deleted.get("message_ids")):
            deleted_post = post_id(dig(deleted, "chat", "id"), number)
            yield Skipped(skipped.UNNAMED_DELETION) if deleted_post is None else Deletion(deleted_post)
    elif update.keys() & _REACTIONS:
        yield Skipped(skipped.LIKE)
    else:
        yield Skipped(skipped.ACCOUNT if update.keys() & _ACCOUNTS else skipped.OTHER)


def _chat(chat: dict[str, Any]) -> Iterator[Item]:
    """Yield the messages of an exported chat."""
    chat_id = chat_of_export(chat)
    for message in objects(chat["messages"]) if isinstance(chat.get("messages"), list) else []:
        yield exported_message(message, chat_id, name=as_name(chat.get("name")))


TELEGRAM = Format("telegram", _recognises, _read)
