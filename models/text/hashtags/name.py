"""Where the words of a hashtag's name are."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from models.text.hashtags.word_list import rank, split_letters

MAX_NAME_CHARACTERS = 60
"""A longer name is left whole: no one reads it as words."""

# A name's shape has U, l or d for each capital, other letter or digit, and _ for anything else.
_WORD = re.compile(r"U+(?=Ul)|U?l+|U+|d+")
_MAX_NUMBER_OF_A_WORD = 3  # COVID19, MH370, G20; four digits are a year
# Parts that do not stand alone: iPhone, eBay, McDonald, 4th, 5pm.
_MAX_SUFFIX_OF_A_NUMBER = 2
_JOINED_TO_NEXT = frozenset({"Mc", "Mac", "De", "O"})
_ABBREVIATIONS = frozenset({"US", "UK", "EU", "UN"})  # `USelections` is no `U Selections`
# A name with a capital is often one that the list lacks (Amherstburg): it is cut only into common words.
_MAX_RANK_IN_A_NAME = 10_000
_MIN_LETTERS_TO_SPLIT = 5
_MIN_CAPITALS_TO_SPLIT = 8  # fewer are an abbreviation


class Word(NamedTuple):
    """A word of a name: its characters from `start` up to, but not including, `end`."""

    start: int
    end: int


@lru_cache(maxsize=4096)
def words_of_name(name: str) -> tuple[Word, ...]:
    """Return the words of a hashtag's name, without its sign; one word if it is not several.

    CamelCase and digits decide first; letters without a change of case are cut by the word list. A word of the list
    is one word however it is written: `YouTube`.
    """
    whole = (Word(0, len(name)),)
    if len(name) > MAX_NAME_CHARACTERS or rank(name.lower()) is not None:
        return whole
    shape = "".join(map(_shape, name))
    words: list[Word] = []
    for match in _WORD.finditer(shape):
        word = Word(*match.span())
        if words and _belong_together(name, shape, words[-1], word):
            word = Word(words.pop().start, word.end)
        elif words and _is_capital_of_before(name, words[-1], word):
            words[-1], word = Word(words[-1].start, word.start + 1), Word(word.start + 1, word.end)
        words.append(word)
    runs = [word for word in words if shape[word.start] != "d"]
    if len(runs) == 1:
        at = words.index(runs[0])
        words[at : at + 1] = _split_run(name, runs[0])
    return tuple(words) or whole


def _shape(character: str) -> str:
    if character.isupper():
        return "U"
    if character.isdigit():
        return "d"
    return "_" if character == "_" or not (character.isalnum() or ord(character) > 0x7F) else "l"


def _belong_together(name: str, shape: str, before: Word, word: Word) -> bool:
    if before.end != word.start:
        return False
    first, size = shape[word.start], word.end - word.start
    last = shape[before.end - 1]
    if first == "d":
        return last != "d" and size <= _MAX_NUMBER_OF_A_WORD
    if last == "d":
        return first == "l" and size <= _MAX_SUFFIX_OF_A_NUMBER
    text = name[before.start : before.end]
    return (first == "U" and len(text) == 1 and text.islower()) or text in _JOINED_TO_NEXT


def _is_capital_of_before(name: str, before: Word, word: Word) -> bool:
    """Whether the first letter ends the abbreviation before it: `QLDfloods` is `QLD floods`, `NYCMarathon` not."""
    if before.end != word.start or not name[before.start : before.end].isupper():
        return False
    letters = name[word.start : word.end].lower()
    is_word, rest_is_word = (rank(form) is not None for form in (letters, letters[1:]))
    return rest_is_word and (not is_word or name[before.start : word.start + 1] in _ABBREVIATIONS)


def _split_run(name: str, run: Word) -> list[Word]:
    letters = name[run.start : run.end]
    least = _MIN_CAPITALS_TO_SPLIT if letters.isupper() else _MIN_LETTERS_TO_SPLIT
    if len(letters) < least or not (letters.isascii() and letters.isalpha()):
        return [run]
    words = split_letters(letters.lower())
    if letters.istitle() and not all(map(_is_common, words)):
        return [run]
    starts = list(accumulate(map(len, words), initial=run.start))
    return [Word(start, end) for start, end in pairwise(starts)]


def _is_common(word: str) -> bool:
    index = rank(word)
    return index is not None and index < _MAX_RANK_IN_A_NAME
