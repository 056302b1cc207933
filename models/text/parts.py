"""A long text in parts that the network reads one by one, so that no text is too long for it.

A part is read with a few tokens of its neighbours before and after it. An entity belongs to the part in which it
begins, so an entity at a border is found once, and whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from models.text.spans import ScoredPlace
from models.text.tokenizer import Token

Entity = TypeVar("Entity", bound=ScoredPlace)

MAX_PART_TOKENS = 400
"""A text of no more tokens is one part. Longer parts take up to twice the time, because fewer are read side by side.

They score the same: on CoNLL-2003 dev, joined to texts of 1,900 tokens, F1 is 91.6 whole, and 91.5 to 91.7 in parts of
100 to 1,200 tokens.
"""
CONTEXT_TOKENS = 25
"""How many tokens of each neighbour are read beside a part."""

_SENTENCE_END = re.compile(r"[.!?…。]+")


@dataclass(frozen=True, slots=True)
class Part:
    """The tokens of a text from `start` up to, but not including, `end`, with those around them.

    Attributes:
        tokens: what is read: the part between its neighbours.
        start: index of the part's first token in the whole text's tokens.
        end: index just after its last token.
        first: offset in the text at which the part begins.
    """

    tokens: Sequence[Token]
    start: int
    end: int
    first: int

    @property
    def size(self) -> int:
        """How many tokens are its own."""
        return self.end - self.start


def cut_into_parts(tokens: Sequence[Token], max_tokens: int = MAX_PART_TOKENS) -> list[Part]:
    """Return the parts of a text, in order; each token belongs to exactly one.

    A part ends with a sentence if one ends in its last quarter, else at a blank there, else with its last token.

    Args:
        max_tokens: of a part without its neighbours; at least 1.
    """
    if len(tokens) <= max_tokens:
        return [Part(tokens, 0, len(tokens), tokens[0].start)] if tokens else []
    parts = []
    start = 0
    while start < len(tokens):
        end = _end_of_part(tokens, start, max_tokens)
        read = tokens[max(0, start - CONTEXT_TOKENS) : end + CONTEXT_TOKENS]
        parts.append(Part(read, start, end, tokens[start].start))
        start = end
    return parts


def join_entities(found: Iterable[tuple[Part, Sequence[Entity]]]) -> list[Entity]:
    """Return the entities of a text from those found in each of its parts, in order; none overlaps another."""
    joined: list[Entity] = []
    parts = list(found)
    ends = [part.first for part, _ in parts[1:]]
    for (part, entities), end in zip(parts, [*ends, None], strict=True):
        for entity in entities:
            is_own = part.first <= entity.start and (end is None or entity.start < end)
            if is_own and (not joined or joined[-1].end <= entity.start):
                joined.append(entity)
    return joined


def _end_of_part(tokens: Sequence[Token], start: int, max_tokens: int) -> int:
    last = start + max_tokens
    if last >= len(tokens):
        return len(tokens)
    blanks = list(_blanks(tokens, start + max_tokens - max_tokens // 4, last))
    sentences = (end for end in blanks if _SENTENCE_END.fullmatch(tokens[end - 1].text))
    return next(sentences, blanks[0] if blanks else last)


def _blanks(tokens: Sequence[Token], first: int, last: int) -> Iterator[int]:
    """Yield the indices of tokens after white space, the last one first."""
    for end in range(last, max(first, 1) - 1, -1):
        if tokens[end - 1].end < tokens[end].start:
            yield end
