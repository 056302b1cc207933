"""RSS and Atom: a feed, or one item of it, as the text of an XML document.

    <rss version="2.0"><channel><item><guid>1</guid><title>Flood in Jakarta</title> ... </item></channel></rss>
    <feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:…</id><title>Flood in Jakarta</title> ... </entry></feed>

feedparser reads them, because feeds that are no XML are common. A post's text is the title and the summary, as a reader
sees them. Its id is the `guid` or `id`, else the link.

What feeds declare before their first element (entities, encodings) is cut off: the text is decoded already, and nothing
else in it is needed. So an entity cannot grow, and nothing outside of the document is asked for.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from models.text.html_text import plain_text
from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Draft, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import as_list, as_text, dig, filled, link, objects, present
from pipeline.formats.times import to_rfc3339

# What may come before the first element: a declaration, comments, a document type.
_PROLOG = re.compile(
    r"\ufeff?+(?:\s++|<\?[^>]*+>|<!--(?:[^-]++|-(?!->))*+-->|<!DOCTYPE(?:[^\[>]++|\[[^\]]*+\])*+>)*+",
    re.IGNORECASE,
)
_RSS = re.compile(r"<(?:rss|rdf:RDF)[\s>]")
_RSS_ITEM = re.compile(r"<item[\s>]")
_ATOM = re.compile(r"<(?:atom:)?feed[\s>]")
_ATOM_ENTRY = re.compile(r"<entry[\s>]")
# feedparser reads entries inside of a feed only. Items name these namespaces without saying again what they mean.
_CHANNEL = (
    '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
    "{}</channel></rss>"
)
_FEED = '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>'
# A section of characters, and an ampersand that begins no reference.
_BARE_AMPERSAND = re.compile(r"<!\[CDATA\[(?:[^\]]++|\](?!\]>))*+(?:\]\]>|\Z)|&(?!(?:#\w{1,10}|\w{1,40});)")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_ZONE = re.compile(r"(?<=[0-9] )[A-Za-z]{2,5}\Z")
_OFFSETS = {"CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300", "WET": "+0000", "WEST": "+0100"}
# feedparser takes any other word for UTC; BST and IST have several meanings.
_KNOWN_ZONE = re.compile(r"UTC?|GMT|MES?T|[AECMP][SD]?T|[AP]M", re.IGNORECASE)
_HTML = frozenset({"text/html", "application/xhtml+xml"})


def _beginning(document: Any) -> int | None:
    """Return where the first element begins; None if the document is no text."""
    found = _PROLOG.match(document) if isinstance(document, str) else None
    return None if found is None else found.end()


def _is(element: re.Pattern[str], item: re.Pattern[str]) -> Callable[[Any], bool]:
    def recognises(document: Any) -> bool:
        start = _beginning(document)
        return start is not None and any(kind.match(document, start) for kind in (element, item))

    return recognises


def _reads(
    name: Literal["rss", "atom"], item: re.Pattern[str], around: str
) -> Callable[[Any], Iterable[Item]]:
    def read(document: Any) -> Iterable[Item]:
        start = _beginning(document)
        if start is None:
            raise InvalidMessageError(f"not of {name}: it is JSON, and a feed is the text of an XML document")
        text = document[start:]
        feed = _parsed_leniently(around.format(text) if item.match(text) else text)
        if not feed.get("version") and not feed.get("entries"):
            raise InvalidMessageError(f"not of {name}: no feed was found in the text")
        drafts = [_draft(entry, feed.get("feed"), name) for entry in objects(feed.get("entries"))]
        return drafts or [Skipped(skipped.NOTHING)]

    return read


def _parsed_leniently(text: str) -> Any:
    """Return what feedparser finds, also in a feed with bare ampersands, in which it makes `M&S;` of `M&S`."""
    feed = _parsed(text)
    if feed.get("bozo"):
        escaped = _BARE_AMPERSAND.sub(lambda found: "&amp;" if found[0] == "&" else found[0], text)
        if escaped != text:
            feed = _parsed(escaped)
    return feed


def _parsed(text: str) -> Any:
    """Return what feedparser finds in the text.

    It is given a stream: it would open a string as an address or a file. Its own cleaning of HTML is not needed,
    because only the text is taken.
    """
    # Imported here, because only feeds need it.
    import feedparser

    stream = io.BytesIO(text.encode("utf-8", "replace"))
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        return feedparser.parse(
            stream, response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:
        # It documents no errors, and promises to read anything.
        raise InvalidMessageError(f"the feed cannot be read: {type(error).__name__}: {error}") from error


def _draft(entry: dict[str, Any], feed: Any, name: str) -> Draft:
    title, summary = _shown(entry.get("title_detail")), _shown(_summary(entry))
    address, entry_id = as_text(entry.get("link")), as_text(entry.get("id"))
    # feedparser gives the id for the link of an entry that has none.
    has_link = address is not None and (address != entry_id or _ADDRESS.match(address) is not None)
    published, updated = _time(entry, "published"), _time(entry, "updated")
    return Draft(
        id=entry_id or address,
        text=_text(title, summary),
        created_at=published or updated,
        lang=as_text(dig(entry, "title_detail", "language")) or as_text(dig(feed, "language")),
        source=name,
        author=as_text(entry.get("author")) or as_text(dig(feed, "author")) or as_text(dig(feed, "title")),
        url=address if has_link else None,
        metadata=filled(
            feed=as_text(dig(feed, "title")),
            edited_at=None if published in (None, updated) else updated,
            tags=present([tag.get("term") for tag in objects(entry.get("tags"))]),
            links=present([link(None, item.get("href")) for item in objects(entry.get("enclosures"))]),
        ),
        changes=("html",) if _is_html(entry.get("title_detail")) or _is_html(_summary(entry)) else (),
    )


def _summary(entry: dict[str, Any]) -> Any:
    """Return the summary; the whole article only if there is none."""
    return entry.get("summary_detail") or next(iter(objects(as_list(entry.get("content")))), None)


def _is_html(detail: Any) -> bool:
    return as_text(dig(detail, "value")) is not None and dig(detail, "type") in _HTML


def _shown(detail: Any) -> str:
    value = as_text(dig(detail, "value")) or ""
    return plain_text(value) if _is_html(detail) else value.strip()


def _text(title: str, summary: str) -> str | None:
    """Return title and summary; None if the entry has neither. Some feeds begin the summary by the title."""
    rest = summary.removeprefix(title)
    if rest != summary and not rest[:1].isalnum():
        return summary
    return "\n".join(filter(None, (title, summary))) or None


def _time(entry: dict[str, Any], name: str) -> str | None:
    """Return a time of the entry in UTC; as the feed has it if its zone is a word that feedparser does not know."""
    # feedparser's own `get` gives the time of publication for the other one, with a warning.
    parsed, text = dict.get(entry, f"{name}_parsed"), as_text(dict.get(entry, name)) or ""
    if not isinstance(parsed, time.struct_time):
        return None
    zone = _ZONE.search(text)
    if zone and not _KNOWN_ZONE.fullmatch(zone[0]):
        offset = _OFFSETS.get(zone[0].upper())
        return to_rfc3339(f"{text[: zone.start()]}{offset}")[0] if offset else text
    try:
        return datetime(*parsed[:6], tzinfo=UTC).isoformat().replace("+00:00", "Z")
    except ValueError:
        return None


RSS = Format("rss", _is(_RSS, _RSS_ITEM), _reads("rss", _RSS_ITEM, _CHANNEL))
ATOM = Format("atom", _is(_ATOM, _ATOM_ENTRY), _reads("atom", _ATOM_ENTRY, _FEED))
