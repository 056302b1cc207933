"""The ids of Telegram's chats, in the form of the Bot API: positive for people, negative for groups and channels."""

from __future__ import annotations

from typing import Any

from pipeline.formats.networks.shape import as_name, as_text, dig, is_integer

# The Bot API marks the id of a channel or a supergroup by -100 before it, which is a sum for ids of ten digits.
_CHANNELS = -1_000_000_000_000
CHAT_TYPES = {
    "personal_chat": "user",
    "bot_chat": "user",
    "saved_messages": "user",
    "private_group": "group",
    "private_supergroup": "channel",
    "public_supergroup": "channel",
    "private_channel": "channel",
    "public_channel": "channel",
}
"""What an export of Telegram Desktop calls a chat, and which ids such a chat has."""


def post_id(chat: Any, number: Any) -> str | None:
    """Return the id of a post: the chat's and the message's."""
    number = as_name(number)
    return None if not is_integer(chat) or number is None else f"{chat}/{number}"


def post_url(chat: Any, number: Any, username: Any = None) -> str | None:
    """Return the address of a message in a public chat; that of another one opens for members only."""
    number = as_name(number)
    if number is None:
        return None
    if (username := as_text(username)) is not None and username.isascii() and username.isidentifier():
        return f"https://t.me/{username}/{number}"
    if is_integer(chat) and chat < _CHANNELS:
        return f"https://t.me/c/{_CHANNELS - chat}/{number}"
    return None


def chat_of_export(chat: dict[str, Any]) -> int | None:
    """Return the id of an exported chat."""
    return _marked(CHAT_TYPES.get(as_text(chat.get("type")) or ""), chat.get("id"))


def chat_of_sender(message: dict[str, Any]) -> int | None:
    """Return the chat of a message that was taken out of its export: only a channel writes in its own name."""
    sender = as_text(message.get("from_id")) or ""
    number = sender.removeprefix("channel")
    is_number = number != sender and len(number) <= 20 and number.isascii() and number.isdigit()
    return _marked("channel", int(number)) if is_number else None


def chat_of_peer(peer: Any) -> int | None:
    """Return the chat of a message of Telethon."""
    for kind, name in (("channel", "channel_id"), ("group", "chat_id"), ("user", "user_id")):
        if is_integer(number := dig(peer, name)):
            return _marked(kind, number)
    return None


def _marked(kind: str | None, number: Any) -> int | None:
    if not is_integer(number) or kind is None:
        return None
    return {"user": number, "group": -number, "channel": _CHANNELS - number}[kind]
