"""The record of a Bluesky post (lexicon `app.bsky.feed.post`), as it lies in Jetstream and in the app view.

Facets (links, mentions, tags) count in bytes of the text's UTF-8; in `metadata.links` they count in code points. A link
may be shown in a shortened form or as any words. The text is not changed for it.

Lexicons: https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.formats.format import Draft
from pipeline.formats.networks.shape import (
    as_object,
    as_text,
    dig,
    filled,
    is_integer,
    link,
    objects,
    present,
)

POSTS = "app.bsky.feed.post"
_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes that begin no character in UTF-8
_ADDRESS = re.compile(r"at://([^/\s]{1,300})/app\.bsky\.feed\.post/([^/\s]{1,512})")


def address(did: str, rkey: str) -> str:
    """Return the address of a post: its id, in the whole network."""
    return f"at://{did}/{POSTS}/{rkey}"


def is_address(value: Any) -> bool:
    """Return whether it is the address of a post."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def is_record(value: Any) -> bool:
    """Return whether it is the record of a post; its address is not in it."""
    return isinstance(value, dict) and value.get("$type") == POSTS


def page_url(post: Any) -> str | None:
    """Return the page of a post at its address; by DID, because a handle may change."""
    found = _ADDRESS.fullmatch(post) if isinstance(post, str) else None
    return None if found is None else f"https://bsky.app/profile/{found[1]}/post/{found[2]}"


def draft(record: dict[str, Any], *, name: Any, author: Any, quoted: Any = None, **metadata: Any) -> Draft:
    """Return the post of a record.

    Args:
        name: its address.
        author: handle or DID.
        quoted: what is known about the post that it quotes; None: its address, from the record.
        metadata: further facts for the post's metadata.
    """
    embed = as_object(record.get("embed"))
    text = record.get("text")
    return Draft(
        id=name,
        text=text,
        created_at=record.get("createdAt"),
        lang=_language(record.get("langs")),
        source="bluesky",
        author=author,
        url=page_url(name),
        metadata=filled(
            quoted=quoted or _quoted(embed),
            reply_to=_reply_to(record),
            links=[*_facet_links(text, record.get("facets")), *_card(embed)],
            alt_texts=_alt_texts(embed),
            **metadata,
        ),
    )


def _language(langs: Any) -> Any:
    """Return the language; all of them if there are several."""
    return langs[0] if isinstance(langs, list) and len(langs) == 1 else langs or None


def _quoted(embed: dict[str, Any]) -> dict[str, Any] | None:
    """Return the post that is quoted: alone, or beside pictures (`recordWithMedia`); lists and feeds are none."""
    for uri in (dig(embed, "record", "uri"), dig(embed, "record", "record", "uri")):
        if is_address(uri):
            return filled(id=uri, url=page_url(uri))
    return None


def _reply_to(record: dict[str, Any]) -> dict[str, Any] | None:
    return filled(
        id=as_text(dig(record, "reply", "parent", "uri")),
        root=as_text(dig(record, "reply", "root", "uri")),
    )


def _card(embed: dict[str, Any]) -> list[Any]:
    """Return the link of the card below the text."""
    for external in (dig(embed, "external"), dig(embed, "media", "external")):
        if isinstance(external, dict):
            return present([link(external.get("title"), external.get("uri"))])
    return []


def _alt_texts(embed: dict[str, Any]) -> list[Any]:
    media = as_object(embed.get("media")) or embed
    return present([*(image.get("alt") for image in objects(media.get("images"))), media.get("alt")])


def _facet_links(text: Any, facets: Any) -> list[Any]:
    """Return the links in the text, with their places in code points; a facet outside of the text is left out."""
    facets = objects(facets)
    if not isinstance(text, str) or not facets:
        return []
    data = text.encode("utf-8", "surrogatepass")
    links = []
    for facet in facets:
        start, end = dig(facet, "index", "byteStart"), dig(facet, "index", "byteEnd")
        if not (is_integer(start) and is_integer(end) and 0 <= start < end <= len(data)):
            continue
        first, last = _code_points(data, start), _code_points(data, end)
        uris = [feature.get("uri") for feature in objects(facet.get("features"))]
        links += [link(text[first:last], uri, first, last) for uri in uris]
    return present(links)


def _code_points(data: bytes, offset: int) -> int:
    """Return how many code points begin before this byte."""
    return len(data[:offset].translate(None, delete=_CONTINUATION))
