"""Where lines of a text begin, so that no entity runs from one into the next ("Fire in Boston", "Roads closed")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from models.text.tokenizer import Token

_LINE_END = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
# Bulletins and mails are wrapped to a width of so many characters: 69 or 72 mostly.
_MIN_WIDTH, _MAX_WIDTH = 50, 100


def line_starts(text: str, tokens: Sequence[Token]) -> list[int]:
    """Return the indices of the tokens that begin a line, but for the first token.

    In a text that is wrapped to a width only a blank line ends a line.

    Args:
        tokens: of the text, in order; words of hashtags may stand among them.
    """
    if not _LINE_END.search(text):
        return []
    least = 2 if _is_wrapped(text) else 1
    return [
        index
        for index, (before, token) in enumerate(pairwise(tokens), start=1)
        if before.end < token.start and len(_LINE_END.findall(text, before.end, token.start)) >= least
    ]


def _is_wrapped(text: str) -> bool:
    """Return whether no word that begins a line would have fitted into the line before it."""
    lines = [line.strip() for line in _LINE_END.split(text)]
    width = max(map(len, lines))
    within = [(line, after) for line, after in pairwise(lines) if line and after]
    return (
        len(within) > 1
        and _MIN_WIDTH <= width <= _MAX_WIDTH
        and all(len(line) + 1 + len(after.split(maxsplit=1)[0]) > width for line, after in within)
    )
