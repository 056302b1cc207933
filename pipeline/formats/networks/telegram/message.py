"""One message of Telegram, in each of its three forms.

Entities count in UTF-16 code units; in `metadata.links` they count in code points. A message without text or caption is
a post with an empty text if it has a picture, a file, a place or the like; else it is of the chat about itself.
"""

from __future__ import annotations

from typing import Any

from pipeline.formats.format import Draft, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import (
    as_list,
    as_name,
    as_object,
    as_text,
    dig,
    filled,
    is_integer,
    link,
    objects,
    present,
)
from pipeline.formats.networks.telegram.chat import chat_of_peer, post_id, post_url

_MEDIA = frozenset(
    {
        "animation",
        "audio",
        "checklist",
        "contact",
        "dice",
        "document",
        "game",
        "invoice",
        "location",
        "paid_media",
        "photo",
        "poll",
        "sticker",
        "story",
        "venue",
        "video",
        "video_note",
        "voice",
    }
)
_MAX_TIME_DIGITS = 12


def bot_message(message: dict[str, Any]) -> Item:
    """Return the post in a message of the Bot API."""
    text, entities = message.get("text"), message.get("entities")
    if text is None:
        text, entities = message.get("caption"), message.get("caption_entities")
    if text is None:
        if not message.keys() & _MEDIA:
            return Skipped(skipped.SERVICE_MESSAGE)
        text = ""
    chat, number = dig(message, "chat", "id"), message.get("message_id")
    return Draft(
        id=post_id(chat, number),
        text=text,
        created_at=message.get("date"),
        source="telegram",
        author=_bot_author(message),
        url=post_url(chat, number, dig(message, "chat", "username")),
        metadata=filled(
            chat=as_text(dig(message, "chat", "title")),
            edited_at=message.get("edit_date"),
            reply_to=filled(id=post_id(chat, dig(message, "reply_to_message", "message_id"))),
            reposted=_forwarded(as_object(message.get("forward_origin"))),
            links=_links(text, entities),
        ),
    )


def _bot_author(message: dict[str, Any]) -> Any:
    """Return who writes: a channel in its own name, else a person; by user name if there is one."""
    for sender in (message.get("sender_chat"), message.get("from"), message.get("chat")):
        names = [as_text(dig(sender, name)) for name in ("username", "title", "first_name")]
        if found := present(names):
            return found[0]
        if (number := as_name(dig(sender, "id"))) is not None:
            return number
    return None


def _forwarded(origin: dict[str, Any]) -> dict[str, Any] | None:
    chat = as_object(origin.get("chat")) or as_object(origin.get("sender_chat"))
    return filled(
        id=post_id(chat.get("id"), origin.get("message_id")),
        author=as_text(chat.get("username"))
        or as_text(chat.get("title"))
        or as_text(dig(origin, "sender_user", "username"))
        or as_text(origin.get("sender_user_name")),
    )


def exported_message(message: dict[str, Any], chat: int | None, *, name: str | None = None) -> Item:
    """Return the post in a message of an export of Telegram Desktop.

    Args:
        chat: id of its chat; None: not known, and then the post has no id.
        name: of the chat.
    """
    if message.get("type") != "message":
        return Skipped(skipped.SERVICE_MESSAGE if message.get("type") == "service" else skipped.OTHER)
    text, links = _exported_text(message.get("text"))
    number = message.get("id")
    return Draft(
        id=post_id(chat, number),
        text=text,
        created_at=_exported_time(message),
        source="telegram",
        author=message.get("from") or message.get("from_id"),
        url=post_url(chat, number),
        metadata=filled(
            chat=name,
            edited_at=_edited(message.get("edited")),
            reply_to=filled(id=post_id(chat, message.get("reply_to_message_id"))),
            reposted=filled(author=as_text(message.get("forwarded_from"))),
            links=links,
        ),
    )


def _exported_text(pieces: Any) -> tuple[Any, list[Any]]:
    """Return the text and its links; a text with links, mentions or bold words is a list of strings and objects."""
    if not isinstance(pieces, list):
        return pieces, []
    text, links = "", []
    for piece in pieces:
        shown = piece if isinstance(piece, str) else as_text(dig(piece, "text")) or ""
        links.append(link(shown, dig(piece, "href"), len(text), len(text) + len(shown)))
        text += shown
    return text, present(links)


def _exported_time(message: dict[str, Any]) -> Any:
    """Return the time in seconds; `date` is in the time zone of the computer that has exported."""
    seconds = as_text(message.get("date_unixtime")) or ""
    if seconds.isascii() and seconds.isdigit() and len(seconds) <= _MAX_TIME_DIGITS:
        return int(seconds)
    return message.get("date")


def _edited(time: Any) -> Any:
    """Return when the message was edited; old exports have the year 1970 if it was not."""
    return None if isinstance(time, str) and time.startswith("1970-") else time


def telethon_message(message: dict[str, Any], chat: int | None) -> Item:
    """Return the post in a message as Telethon's `to_dict` and `to_json` give it."""
    if message.get("_") != "Message":
        return Skipped(skipped.SERVICE_MESSAGE)
    text, number = message.get("message"), message.get("id")
    author = chat_of_peer(message.get("from_id"))
    return Draft(
        id=post_id(chat, number),
        text=text,
        created_at=message.get("date"),
        source="telegram",
        author=message.get("post_author") or as_name(chat if author is None else author),
        url=post_url(chat, number),
        metadata=filled(
            edited_at=message.get("edit_date"),
            reply_to=filled(id=post_id(chat, dig(message, "reply_to", "reply_to_msg_id"))),
            links=_links(text, message.get("entities")),
        ),
    )


def _links(text: Any, entities: Any) -> list[Any]:
    """Return the links whose address the text does not show, with their places in code points."""
    entities = [entity for entity in objects(as_list(entities)) if as_text(entity.get("url"))]
    if not isinstance(text, str) or not entities:
        return []
    units = text.encode("utf-16-le", "surrogatepass")
    links = []
    for entity in entities:
        start, length = entity.get("offset"), entity.get("length")
        if is_integer(start) and is_integer(length) and 0 <= start < start + length <= len(units) // 2:
            first, last = _code_points(units, start), _code_points(units, start + length)
            links.append(link(text[first:last], entity.get("url"), first, last))
    return present(links)


def _code_points(units: bytes, offset: int) -> int:
    """Return how many code points lie before this UTF-16 code unit; a half one counts."""
    return len(units[: 2 * offset].decode("utf-16-le", "replace"))
