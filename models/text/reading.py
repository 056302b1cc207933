"""A text as it is read: what a post spells as markup, references or odd characters, as the characters that are meant.

The network, the prompts and `alert` see the text as read. Entities and their offsets stay those of the source, the text
as it came: a map leads from each character that is read to the characters of the source that stand for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self


class Edit(NamedTuple):
    """Characters that are read as other ones: those from `start` up to, but not including, `end`."""

    start: int
    end: int
    replacement: str


class ReadText:
    """A text as read, with the map to its source.

    Attributes:
        source: the text as it came.
        text: the text as read.
    """

    __slots__ = ("_ends", "_starts", "source", "text")

    def __init__(
        self,
        source: str,
        text: str | None = None,
        starts: list[int] | None = None,
        ends: list[int] | None = None,
    ) -> None:
        self.source = source
        self.text = source if text is None else text
        self._starts = (
            starts  # for each character of `text`, where it begins in the source; None: where it stands
        )
        self._ends = ends

    def apply(self, edits: Iterable[Edit]) -> Self:
        """Return the text with these edits, which are in order and do not overlap."""
        raise NotImplementedError

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the source of the characters from `start` to `end` of the text as read."""
        if self._starts is None or self._ends is None:
            return start, end
        return self._starts[start], self._ends[end - 1]

    def shown(self, start: int, end: int) -> str:
        """Return how the characters from `start` to `end` of the source are read."""
        if self._starts is None or self._ends is None:
            return self.source[start:end]
        raise NotImplementedError


def read_text(source: str) -> ReadText:
    """Return the text as it is read."""
    return ReadText(source)
