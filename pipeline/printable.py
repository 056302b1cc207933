"""Text that a terminal or a log line shows and never obeys, and counts with their nouns."""

from __future__ import annotations

import json
import unicodedata

import orjson

_MAX_TEXT_CHARACTERS = 160
# Control characters, and characters that reorder or hide what follows them.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ZERO_WIDTH_JOINER = "\u200d"  # joins emoji; hides nothing


def escape_unprintable(text: str) -> str:
    """Return the text with everything that a terminal would obey or hide written as an escape."""
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in _UNPRINTABLE and c != _ZERO_WIDTH_JOINER else c
        for c in text
    )


def json_line(document: object) -> str:
    """Return the document as one line of JSON that a terminal shows and does not obey; it reads back unchanged."""
    # JSON has no such character outside of strings, and within strings an escape means the same.
    return "".join(
        json.dumps(c)[1:-1] if unicodedata.category(c) in _UNPRINTABLE else c
        for c in orjson.dumps(document).decode()
    )


def printable(text: str, *, max_characters: int = _MAX_TEXT_CHARACTERS) -> str:
    """Return the text on one line of at most `max_characters`, with everything invisible written as an escape."""
    one_line = " ".join(text.split())
    cut = one_line if len(one_line) <= max_characters else one_line[: max_characters - 1] + "…"
    return escape_unprintable(cut)


def quantity(number: int, noun: str) -> str:
    """Return the number with its noun: `1 post`, `1,200 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
