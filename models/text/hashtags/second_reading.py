"""A text with hashtags is read twice, as its tokens and with its hashtags as words; this decides what counts.

The network was trained on hashtags as one token each. A single reading with their words costs F1 everywhere (by the
corpus's own guidelines 81.3 to 79.9 on Twitter-2017 dev, 61.4 to 59.7 on Tweebank dev; 78.8 to 77.0 on the held-out
alerts). So the second reading speaks about the hashtags alone, and only where it knows better.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from models.text.hashtags.name import words_of_name
from models.text.spans import ScoredPlace
from models.text.tokenizer import Token

Entity = TypeVar("Entity", bound=ScoredPlace)

# With these values F1 rises a little on the dev sets, as served: Twitter-2017 77.7 to 77.9, Tweebank 56.1 to 56.6.
_MIN_PLACE_SCORE = 0.8
_MIN_PART_SHARE = 0.5  # of the whole's score
_MAX_DOUBTED_SCORE = 0.5
_CONTEXT_TOKENS = 4


def hashtags_as_words(tokens: Sequence[Token]) -> list[Token] | None:
    """Return the tokens with each hashtag's name cut into its words; None if that changes nothing.

    A colon without extent stands after the words, so that they do not run into the next ones (`#PrayForNepal Power is
    out`). Tokens far from all hashtags are left out, to save time.
    """
    names = _names(tokens)
    if not names:
        return None
    cut: list[Token] = []
    start = max(0, names[0] - _CONTEXT_TOKENS)
    for index in names:
        cut += tokens[start:index]
        cut += _words(tokens[index])
        start = index + 1
    return [*cut, *tokens[start : start + _CONTEXT_TOKENS]]


def merge(tokens: Sequence[Token], first: Sequence[Entity], second: Sequence[Entity]) -> list[Entity]:
    """Return the entities of both readings, in the order of the text.

    All are those of the first reading, but for hashtags of several words:

    - An entity gives way to parts of the hashtag that the second reading finds (`NepalEarthquake` to `Nepal`),
      unless it is far less sure of them.
    - An entity that runs out of the hashtag (`PrayForNepal Power`) gives way to what the second reading finds in it.
    - An entity that the first reading doubts (its score is low) falls if the second one sees nothing there.
    - A place is new if the second reading is sure of it.

    Args:
        tokens: those of the first reading.
        first: what it found.
        second: what was found in `hashtags_as_words(tokens)`.
    """
    gone: set[int] = set()  # where entities of the first reading begin that do not count
    new: list[Entity] = []
    for name in (tokens[index] for index in _names(tokens)):
        there = [entity for entity in _touching(first, name) if entity.start not in gone]
        kept = _of_hashtag(name, there, _touching(second, name))
        gone.update(entity.start for entity in there if entity not in kept)
        new += [entity for entity in kept if entity not in there]
    merged = [entity for entity in first if entity.start not in gone] + new
    return sorted(merged, key=lambda entity: entity.start)


def _of_hashtag(name: Token, first: list[Entity], second: list[Entity]) -> list[Entity]:
    inside = [entity for entity in second if name.start <= entity.start and entity.end <= name.end]
    if not first:
        return [entity for entity in inside if entity.type == "LOC" and entity.score >= _MIN_PLACE_SCORE]
    if any(entity.start < name.start or entity.end > name.end for entity in first):
        return inside if inside == second else first
    if not second:
        return [entity for entity in first if entity.score >= _MAX_DOUBTED_SCORE]
    if any((entity.start, entity.end) == (name.start, name.end) for entity in inside):
        return first
    least = _MIN_PART_SHARE * max(entity.score for entity in first)
    return [entity for entity in inside if entity.type != "MISC" and entity.score >= least] or first


def _names(tokens: Sequence[Token]) -> list[int]:
    """Return the indices of the hashtags' names that are several words."""
    return [
        index
        for index, (before, token) in enumerate(pairwise(tokens), start=1)
        if before.text == "#" and before.end == token.start and len(words_of_name(token.text)) > 1
    ]


def _words(name: Token) -> Iterator[Token]:
    for start, end in words_of_name(name.text):
        yield Token(name.text[start:end], name.start + start, name.start + end)
    yield Token(":", name.end, name.end)


def _touching(entities: Sequence[Entity], name: Token) -> list[Entity]:
    """Return those that share a character with the name; `entities` are in order and do not overlap."""
    first = bisect_right(entities, name.start, key=lambda entity: entity.end)
    last = bisect_left(entities, name.end, lo=first, key=lambda entity: entity.start)
    return list(entities[first:last])
