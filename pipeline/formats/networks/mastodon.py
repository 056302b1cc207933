"""Mastodon: statuses, and events of the streaming API.

    {"stream": ["public"], "event": "update", "payload": "{\"id\": \"113\", \"content\": \"<p>Flood</p>\", ...}"}
    {"stream": ["public"], "event": "delete", "payload": "113"}

The text is what a reader sees of `content`, which is HTML: block ends are line breaks, and links that Mastodon shows in
a shortened form are whole. A content warning (`spoiler_text`) is the first line. Custom emoji are left out.

**Ids.** The number in `id` is unique in one instance only, and the status does not say in which. So a post's id is its
`uri`, which is unique in the whole network. But an event `delete` has only the number. Whoever reads a stream knows
its instance. So if an event has a further field `instance` (its host name), the id of its post is `instance/number`,
and that is the id which `delete` withdraws. Without `instance` a deletion cannot be tied to a post, and is skipped.

Documentation: https://docs.joinmastodon.org/entities/Status/, /methods/streaming/ (Mastodon 4.5)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from models.text.html_text import plain_text
from pipeline.errors import InvalidMessageError, UndecodableError
from pipeline.formats.document import load, made_plain
from pipeline.formats.format import Deletion, Draft, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import (
    as_name,
    as_object,
    as_text,
    dig,
    filled,
    has_own_text,
    objects,
    present,
)

_POST_EVENTS = frozenset({"update", "status.update"})
_OTHER_EVENTS = {
    "notification": skipped.OTHER,
    "filters_changed": skipped.NOTICE,
    "conversation": skipped.OTHER,
    "announcement": skipped.NOTICE,
    "announcement.reaction": skipped.LIKE,
    "announcement.delete": skipped.NOTICE,
    "encrypted_message": skipped.OTHER,
    "notifications_merged": skipped.OTHER,
}
_EVENTS = frozenset({*_POST_EVENTS, *_OTHER_EVENTS, "delete"})
_SHORTCODE = re.compile(r" ?(?<![\w:]):(\w{2,100}):(?![\w:])", re.ASCII)


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and (_is_status(document) or _is_event(document))


def _is_status(document: dict[str, Any]) -> bool:
    return (
        isinstance(document.get("content"), str)
        and isinstance(dig(document, "account", "acct"), str)
        and ("spoiler_text" in document or "uri" in document)
    )


def _is_event(document: dict[str, Any]) -> bool:
    """Whether it is an event as WebSocket carries it, or as the old one without `stream`."""
    event = document.get("event")
    if has_own_text(document) or not isinstance(event, str) or event not in _EVENTS:
        return False
    if isinstance(document.get("stream"), list):
        return "payload" in document or event == "filters_changed"
    return document.keys() <= {"event", "payload", "instance"} and _is_payload(event, document.get("payload"))


def _is_payload(event: str, payload: Any) -> bool:
    """Whether it is what such an event carries: other programs name their events so too."""
    if event == "filters_changed":
        return True
    if event == "delete":
        return as_name(payload) is not None
    if isinstance(payload, str):
        return payload.lstrip()[:1] == "{" or payload.isdecimal()
    return isinstance(payload, dict) and _is_status(payload)


def _read(document: Any) -> Iterable[Item]:
    document = as_object(document)
    if "event" in document and document.keys() & {"payload", "stream"}:
        return [_event_item(document)]
    if not document.keys() & {"content", "reblog"}:
        raise InvalidMessageError(
            "not of Mastodon: neither a status with `content` nor an event with `payload`"
        )
    return [_draft(document)]


def _event_item(document: dict[str, Any]) -> Item:
    event, payload = document["event"], document.get("payload")
    instance = as_text(document.get("instance"))
    if event == "delete":
        name = as_name(payload)
        return Deletion(f"{instance}/{name}") if name and instance else Skipped(skipped.UNNAMED_DELETION)
    if isinstance(event, str) and event in _POST_EVENTS:
        status, changes = _opened(payload)
        draft = _draft(status, instance)
        return replace(draft, changes=(*changes, *draft.changes))
    return Skipped(_OTHER_EVENTS.get(event, skipped.OTHER) if isinstance(event, str) else skipped.OTHER)


def _opened(payload: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the status in a payload, and what was changed to read it.

    The payload is JSON in a string; some clients have opened it already.
    """
    changes: tuple[str, ...] = ()
    if isinstance(payload, str):
        try:
            content, changes, may_be_deep = load(payload.encode("utf-8", "replace"))
            payload = made_plain(content)
        except (ValueError, UndecodableError) as error:
            raise InvalidMessageError(f"`payload` of a Mastodon event is not JSON: {error}") from None
        if may_be_deep:
            raise InvalidMessageError("`payload` of a Mastodon event is nested too deep for a status")
    if not isinstance(payload, dict):
        raise InvalidMessageError("`payload` of a Mastodon event is not a status")
    return payload, changes


def _draft(status: dict[str, Any], instance: str | None = None) -> Draft:
    original = as_object(status.get("reblog")) or status
    text, changes = _text(original)
    return Draft(
        id=_id(status, instance),
        text=text,
        created_at=status.get("created_at"),
        lang=original.get("language"),
        source="mastodon",
        author=dig(status, "account", "acct"),
        url=status.get("url") or original.get("url"),
        metadata=filled(
            status_id=status.get("id"),
            uri=status.get("uri"),
            edited_at=status.get("edited_at"),
            reposted=None if original is status else _summary(original, instance),
            quoted=_quoted(original, instance),
            reply_to=filled(id=original.get("in_reply_to_id")),
            alt_texts=present(
                [item.get("description") for item in objects(original.get("media_attachments"))]
            ),
        ),
        changes=changes,
    )


def _id(status: dict[str, Any], instance: str | None) -> Any:
    number = as_name(status.get("id"))
    if instance is not None and number is not None:
        return f"{instance}/{number}"
    return status.get("uri") or status.get("url")


def _text(status: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Return what a reader sees, and what was done for it; None if there is no text at all."""
    content = status.get("content")
    if not isinstance(content, str):
        return None, ()
    changes = ["html"] if "<" in content or "&" in content else []
    text = plain_text(content)
    warning = as_text(status.get("spoiler_text"))
    if warning is not None:
        text = f"{warning}\n{text}"
        changes.append("spoiler_text")
    shown = _without_emoji(text, status.get("emojis"))
    if shown != text:
        changes.append("custom_emoji")
    return shown, tuple(changes)


def _without_emoji(text: str, emojis: Any) -> str:
    """Leave out `:blobcat:`, which a reader sees as a picture, if the status has such an emoji."""
    shortcodes = {as_text(emoji.get("shortcode")) for emoji in objects(emojis)}
    if not shortcodes:
        return text
    return _SHORTCODE.sub(lambda found: "" if found[1] in shortcodes else found[0], text).strip()


def _quoted(status: dict[str, Any], instance: str | None) -> dict[str, Any] | None:
    """Return what is told about the status that is quoted (since Mastodon 4.4)."""
    quote = as_object(status.get("quote"))
    original = as_object(quote.get("quoted_status"))
    if original:
        return _summary(original, instance, with_text=True)
    return filled(status_id=quote.get("quoted_status_id"))


def _summary(
    status: dict[str, Any], instance: str | None, *, with_text: bool = False
) -> dict[str, Any] | None:
    return filled(
        id=_id(status, instance),
        author=dig(status, "account", "acct"),
        text=_text(status)[0] if with_text else None,
        url=status.get("url"),
    )


MASTODON = Format("mastodon", _recognises, _read)
