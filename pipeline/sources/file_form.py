"""The form of a file of posts, as its first lines show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from pipeline.formats.reasons import COMPRESSIONS

# The programs that undo the compression of a file.
_PROGRAMS = {
    "gzip": "zcat",
    "zstd": "zstdcat",
    "lz4": "lz4cat",
    "bzip2": "bzcat",
    "xz": "xzcat",
    "zip": "unzip -p",
}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FIELD_OF_AN_EVENT = re.compile(rb"(?:event|data|id|retry)?:")
# A string, whole or cut off at the end, or a bracket. Possessive, so that no string makes the expression backtrack.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:(?P<end>")|\\?\Z)|[\[\]{}]', re.DOTALL)


class Form(StrEnum):
    """What a file of posts is made of."""

    LINES = "lines"  # a JSON document a line
    EVENTS = "events"  # server-sent events, as curl saves a stream
    DOCUMENT = "document"  # one document: JSON over several lines, or XML


def find_form(lines: Sequence[bytes], *, is_end: bool) -> Form | None:
    """Return the form; None if further lines must show it.

    Args:
        lines: the first lines that are not blank, without the blanks around them. The last may go on if not `is_end`.
        is_end: whether these are all.
    """
    if not lines:
        return Form.LINES if is_end else None
    first = lines[0]
    if first.startswith(b"<"):
        return Form.DOCUMENT
    if _FIELD_OF_AN_EVENT.match(first):
        return Form.EVENTS
    open_bracket = _find_open_bracket(first)
    if open_bracket is None:
        return Form.LINES
    if len(lines) == 1 and not is_end:
        return None
    # An object goes on with a name: before a whole object its line is a broken one.
    is_broken = open_bracket == b"{" and len(lines) > 1 and lines[1].startswith(b"{")
    return Form.LINES if is_broken else Form.DOCUMENT


def find_refusal(first: bytes) -> str | None:
    """Return why a file with this first line cannot be read, and the program that helps; None if it can."""
    for mark, name in COMPRESSIONS.items():
        if first.startswith(mark):
            program = _PROGRAMS.get(name)
            remedy = f": {program} FILE | tocsin produce -" if program else ""
            return f"compressed ({name}): expected plain text{remedy}"
    # JSON in UTF-8 never has a NUL; at the start of an object in UTF-16 every second byte is a NUL.
    if first.startswith(_UTF_16_MARKS) or b"\0" in first[:4]:
        return "not in UTF-8 but in UTF-16: iconv -f UTF-16 -t UTF-8 FILE"
    return None


def _find_open_bracket(line: bytes) -> bytes | None:
    """Return the innermost bracket that a later line must close; None if the line does not go on there."""
    if not line.startswith((b"{", b"[")):
        return None
    is_open: list[bytes] = []
    for found in _STRING_OR_BRACKET.finditer(line):
        token = found[0]
        if token in b"[{":
            is_open.append(token)
        elif token in b"]}":
            del is_open[-1:]
        elif found["end"] is None:  # no string goes on in a later line
            return None
    return is_open[-1] if is_open else None
