"""The one form that every corpus is read into: a text with entities at character offsets, and a sentiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

# Corpora that split "@name" and "#topic" do it after the sign; joining them again gives the post as it was.
SIGNS_JOINED_TO_NEXT = ("@", "#")


@dataclass(frozen=True, slots=True)
class CharSpan:
    """An entity of `type` in the characters from `start` up to, not including, `end`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """One line of a corpus.

    Attributes:
        text: what a user would have posted; corpus tokens are joined by spaces.
        borders: (start, end) of each of the corpus's own tokens; empty if the corpus is not tokenised.
        entities: None if the corpus does not label entities, () if it says that there are none.
        sentiment: the corpus's label, None if it has none.
        fields: the line's other fields, for filters (`source`, `damaged`, `id`).
    """

    text: str
    borders: tuple[tuple[int, int], ...] = ()
    entities: tuple[CharSpan, ...] | None = None
    sentiment: str | None = None
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def join_tokens(tokens: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Join corpus tokens into a text; returns also the start and end of each token in it."""
    pieces: list[str] = []
    borders: list[tuple[int, int]] = []
    position = 0
    for index, token in enumerate(tokens):
        if index and tokens[index - 1] not in SIGNS_JOINED_TO_NEXT:
            pieces.append(" ")
            position += 1
        pieces.append(token)
        borders.append((position, position + len(token)))
        position += len(token)
    return "".join(pieces), tuple(borders)
