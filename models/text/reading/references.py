"""Character references of HTML: `&amp;`, `&nbsp;`, `&eacute;`, `&#233;`, `&#xe9;`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5

from models.text.reading.source_map import Edit

# No character has so large a number, and Python refuses to read thousands of digits.
_MAX_DIGITS = 7
# What is escaped twice (`&amp;amp;`, `&amp;#39;`): only the commonest, because an ampersand may well stand before text.
_TWICE = r"(?:amp;(?=(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6});))*+"
_REFERENCE = re.compile(rf"&{_TWICE}(?:(#(?:[xX][0-9a-fA-F]++|[0-9]++)|[a-zA-Z][a-zA-Z0-9]{{1,31}}+);?)")
# HTML resolves these without a semicolon, and also as the beginning of a longer word ("&notit"). Ampersands are common
# in names and addresses ("R&D", "?a=1&copy=2"), so a word must go on as no name and no address would.
_BARE = tuple(sorted((name for name in html5 if not name.endswith(";")), key=len, reverse=True))
_ACCENTED = re.compile(r"[a-zA-Z]{1,2}(?:acute|cedil|circ|grave|lig|ring|slash|tilde|uml)")
_BEFORE_CAPITAL = frozenset({"amp", "gt", "lt", "nbsp", "quot"})


def find(text: str) -> Iterator[Edit]:
    """Yield each reference as what it stands for. What comes of it is read again only if all was escaped twice."""
    for match in _REFERENCE.finditer(text):
        name = match[1]
        if name.startswith("#"):
            yield Edit(*match.span(), _numbered(name))
        elif match[0].endswith(";") and (character := html5.get(f"{name};")):
            yield Edit(*match.span(), character)
        elif bare := _bare(name, text[match.end(1) : match.end(1) + 1]):
            yield Edit(match.start(), match.start(1) + len(bare), html5[bare])


def _numbered(name: str) -> str:
    sign = "x" if name[1] in "xX" else ""
    digits = name.strip("#xX").lstrip("0")
    return " " if len(digits) > _MAX_DIGITS else html.unescape(f"&#{sign}{digits or 0};")


def _bare(word: str, after: str) -> str | None:
    """Return the name at the start of the word that counts without a semicolon."""
    if word in html5:
        return None if after == "=" else word
    for name in _BARE:
        if word.startswith(name):
            rest = word[len(name) :]
            is_meant = _ACCENTED.fullmatch(name) or (name in _BEFORE_CAPITAL and rest[0].isupper())
            return name if is_meant else None
    return None
