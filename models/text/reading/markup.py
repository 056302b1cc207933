"""HTML in a text that certainly holds some: "a < b", "<3" and "<unknown>" are text.

Only tags of a closed list count, in a text with a sign that none but HTML has: an end tag, a tag that ends lines, or a
tag with a quoted attribute.
"""

from __future__ import annotations

import re

from models.text.html_text import BLOCKS, CELLS, HIDDEN, INVISIBLE_CLASS, words
from models.text.reading.source_map import Edit

_INLINE = words(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small "
    "source span strike strong sub sup time tt u var wbr"
)
_SPACED = BLOCKS | CELLS
_NAMES = "|".join(sorted(BLOCKS | CELLS | HIDDEN | _INLINE, key=len, reverse=True))
_LINES = "br|div|h[1-6]|hr|li|ol|p|ul"

# Matching is linear: a tag ends before the next "<" outside quotes, and what is quoted is bounded.
_VALUE = r"""(?:"[^"]{0,4096}+"|'[^']{0,4096}+'|[^\s"'=<>`]{1,4096}+)"""
_ATTRIBUTE = rf"[^\s\"'<>/=]{{1,64}}+(?:\s*+=\s*+{_VALUE})?+"
_REST = rf"(?:\s++(?:{_ATTRIBUTE})?+|/)*+>"
_CERTAIN = re.compile(
    rf"</(?:{_NAMES})\s*+>|<(?:{_LINES})\s*+/?>|<(?:{_NAMES})(?:\s++[\w:-]{{1,64}}+=[\"'][^\"'<>]{{0,4096}}+[\"'])++\s*+/?>",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    rf"<(?P<end>/)?(?P<name>{_NAMES})(?![^\s/>]){_REST}|<!--(?s:.*?)(?:-->|\Z)|<!doctype\b[^<>]{{0,4096}}+>"
    # A custom emoji, by Mastodon's own pattern; but numbers between colons are a time.
    r"|(?<![^\W_])(?<!:):(?!\d+:)[a-z0-9_]{2,64}+:(?![^\W_]|:)",
    re.IGNORECASE,
)
_HREF = re.compile(r"""\shref\s*+=\s*+["'](https?://[^"'\s<>]++)["']""", re.IGNORECASE)
_CLASS = re.compile(r"""\sclass\s*+=\s*+["']([^"'<>]*+)["']""", re.IGNORECASE)
# What Mastodon puts into a link that it shortens.
_SHORTENED = re.compile(
    r"""(?:\s*+<span class="(?:invisible|ellipsis)?+">[^<>]*+</span>)++\s*+</a\s*+>""", re.IGNORECASE
)


def find(text: str) -> list[Edit]:
    """Return the markup of the text as what it is read as; none unless the text certainly holds HTML.

    A tag that ends a line or a cell is a line end, any other is nothing. Comments, the content of hidden elements and
    custom emoji (`:name:`) are nothing. A link that Mastodon shows in a shortened form is its whole address.
    """
    if not _CERTAIN.search(text):
        return []
    edits: list[Edit] = []
    position = 0
    while match := _MARKUP.search(text, position):
        edit = _read(text, match)
        edits.append(edit)
        position = edit.end
    return edits


def _read(text: str, match: re.Match[str]) -> Edit:
    name = (match["name"] or "").casefold()
    start, end = match.span()
    if name in _SPACED:
        return Edit(start, end, "\n")
    if match["end"] or not name:
        return Edit(start, end, "")
    if name == "a" and (spans := _SHORTENED.match(text, end)) and (address := _HREF.search(match[0])):
        return Edit(start, spans.end(), address[1])
    if name in HIDDEN or (name == "span" and _is_invisible(match[0])):
        # Without an end tag the rest of the text is hidden, as it is in a browser.
        closing = re.compile(f"</{name}\\s*+>", re.IGNORECASE).search(text, end)
        end = closing.end() if closing else len(text)
    return Edit(start, end, "")


def _is_invisible(tag: str) -> bool:
    match = _CLASS.search(tag)
    return match is not None and INVISIBLE_CLASS in match[1].split()
