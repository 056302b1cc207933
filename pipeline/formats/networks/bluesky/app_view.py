"""Bluesky as its app view and its repositories give it: views of posts, feeds of them, records with their address.

    {"uri": "at://did:plc:…/app.bsky.feed.post/3l…", "cid": "…", "author": {"handle": "ana.example"},
     "record": {"$type": "app.bsky.feed.post", "text": "Flood"}}

A record alone has no id: its address is around it. So it is refused with that reason.

Lexicons: https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky/feed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.bluesky.record import draft, is_address, is_record, page_url
from pipeline.formats.networks.shape import as_object, as_text, dig, filled, has_own_text

# Lists of posts in the answers of app.bsky.feed.getTimeline, searchPosts and com.atproto.repo.listRecords.
_LISTS = ("feed", "posts", "records")
_REFUSED = ("notFound", "blocked")


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict) or has_own_text(document):
        return False
    if is_record(document) or _is_item(document):
        return True
    return any(
        isinstance(items := document.get(name), list)
        and items != []
        and all(_is_item(item) for item in items)
        for name in _LISTS
    )


def _is_item(value: Any) -> bool:
    """Whether it is one post: a view, an item of a feed around one, a record with its address, or a refusal."""
    item = as_object(value)
    item = as_object(item.get("post")) or item
    if not is_address(item.get("uri")):
        return False
    if isinstance(item.get("record"), dict) and isinstance(item.get("author"), dict):
        return True
    return any(is_record(record) for record in _records(item)) or _is_refusal(item)


def _records(item: dict[str, Any]) -> tuple[Any, ...]:
    """Return where the record may lie: in a view, in a repository's list, or in the item itself, beside its address."""
    return item.get("record"), item.get("value"), item


def _is_refusal(item: dict[str, Any]) -> bool:
    return any(item.get(name) is True for name in _REFUSED)


def _read(document: Any) -> Iterable[Item]:
    document = as_object(document)
    for name in _LISTS:
        if isinstance(items := document.get(name), list):
            return [_item(as_object(item)) for item in items] or [Skipped(skipped.NOTHING)]
    if is_record(document) and not is_address(document.get("uri")):
        raise InvalidMessageError(
            "a record of Bluesky without its address: the post's id is `uri`, which stands around the record"
        )
    if not document.keys() & {"post", "record", "value", *_REFUSED} and not is_record(document):
        raise InvalidMessageError("not of Bluesky: neither `record` nor `value` with the record of a post")
    return [_item(document)]


def _item(item: dict[str, Any]) -> Item:
    """Return the post of an item. What is missing in one of many is missing in its draft, and costs no other."""
    item = as_object(item.get("post")) or item
    if _is_refusal(item):
        return Skipped(skipped.WITHHELD)
    name = item.get("uri")
    return draft(
        next((record for record in _records(item) if isinstance(record, dict)), {}),
        name=name,
        author=as_text(dig(item, "author", "handle")) or _owner(name),
        quoted=_quoted(as_object(item.get("embed"))),
    )


def _owner(name: Any) -> str | None:
    """Return the DID in an address."""
    return name.split("/")[2] if is_address(name) else None


def _quoted(embed: dict[str, Any]) -> dict[str, Any] | None:
    """Return the post that is quoted, with its text, from the view that the app view embeds."""
    for view in (embed.get("record"), dig(embed, "record", "record")):
        if is_address(dig(view, "uri")) and is_record(dig(view, "value")):
            return filled(
                id=dig(view, "uri"),
                author=as_text(dig(view, "author", "handle")),
                text=as_text(dig(view, "value", "text")),
                url=page_url(dig(view, "uri")),
            )
    return None


BLUESKY = Format("bluesky", _recognises, _read)
