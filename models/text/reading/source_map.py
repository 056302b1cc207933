"""Edits of a text, and the text with the map to its source."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Characters that are read as other ones: those from `start` up to, but not including, `end`; at least one."""

    start: int
    end: int
    replacement: str


class ReadText:
    """A text as read, with the map to its source. Every offset counts characters.

    Attributes:
        source: the text as it came.
        text: the text as read.
        markup: start and end of each stretch of the source that is markup, in order.
    """

    __slots__ = ("_ends", "_starts", "markup", "source", "text")

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = source
        self.markup: Sequence[tuple[int, int]] = ()
        # For each character of `text`, where its stretch of the source begins and ends; None if both texts are one.
        self._starts: Sequence[int] | None = None
        self._ends: Sequence[int] | None = None

    def apply(self, edits: Iterable[Edit]) -> ReadText:
        """Return the text with these edits of `text`, which are in order and do not overlap."""
        edits = list(edits)
        if not edits:
            return self
        old_starts: Sequence[int] = range(len(self.text)) if self._starts is None else self._starts
        old_ends: Sequence[int] = range(1, len(self.text) + 1) if self._ends is None else self._ends
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        for edit in edits:
            pieces += self.text[position : edit.start], edit.replacement
            starts += old_starts[position : edit.start]
            starts += [old_starts[edit.start]] * len(edit.replacement)
            ends += old_ends[position : edit.start]
            ends += [old_ends[edit.end - 1]] * len(edit.replacement)
            position = edit.end
        pieces.append(self.text[position:])
        new = ReadText(self.source)
        new.text, new.markup = "".join(pieces), self.markup
        new._starts, new._ends = [*starts, *old_starts[position:]], [*ends, *old_ends[position:]]
        return new

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the source of one or more characters of the text as read: from `start` to `end`."""
        if self._starts is None or self._ends is None:
            return start, end
        return self._starts[start], self._ends[end - 1]

    def shown(self, start: int, end: int) -> str:
        """Return how the characters from `start` to `end` of the source are read."""
        if self._starts is None or self._ends is None:
            return self.source[start:end]
        return self.text[bisect_left(self._starts, start) : bisect_right(self._ends, end)]

    def holds_markup(self, start: int, end: int) -> bool:
        """Return whether markup stands among the characters from `start` to `end` of the source."""
        if not self.markup:
            return False
        # The last stretch that begins before `end`.
        index = bisect_left(self.markup, (end, end))
        return index > 0 and self.markup[index - 1][1] > start
