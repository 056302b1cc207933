"""Whether a theme or an entity is an acceptable one.

Words are compared by the rules of the gold set's README, meanings by a small embedding model from PyPI.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

MAX_ENTITY_WORDS = 5
SIMILARITY_MODEL = "wordllama l2_supercat_256"
# Fixed before any result was looked at.
SIMILARITY_THRESHOLD = 0.6

Similarity = Callable[[str, Sequence[str]], float]
"""From a theme and the acceptable ones to the cosine of the nearest."""

_SPACED_PUNCTUATION = re.compile(r"\s*([^\w\s])\s*")
_HASHTAG_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Not the words of the pipeline's own date rule: what judges an alert must not share the rule that let it pass.
_DATE_WORDS = frozenset(
    re.findall(
        r"\w+",
        "january february march april may june july august september october november december jan feb mar apr jun "
        "jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu "
        "thurs fri sat sun today tomorrow yesterday tonight morning afternoon evening night weekend week month year",
    )
)


def normalise(text: str) -> str:
    """Return the text without HTML codes, `#`, `@`, case and spaces around punctuation."""
    plain = html.unescape(text).replace("#", " ").replace("@", " ").casefold()
    return " ".join(_SPACED_PUNCTUATION.sub(r"\1", plain).split())


def is_acceptable_entity(entity: str, acceptable: Iterable[str]) -> bool:
    """Return whether it is one of them, or one holds the other as whole words or parts of a hashtag."""
    return len(entity.split()) <= MAX_ENTITY_WORDS and any(_is_alike(entity, other) for other in acceptable)


def _is_alike(one: str, other: str) -> bool:
    a, b = normalise(one), normalise(other)
    if a == b:
        return True
    return any(_holds(x, y) for x in _readings(one) for y in _readings(other)) or any(
        _holds(y, x) for x in _readings(one) for y in _readings(other)
    )


def _readings(text: str) -> list[list[str]]:
    """Return the words, and the words with a hashtag (`NepalEarthquake`) split into its own."""
    words = re.findall(r"\w+", normalise(text))
    parts = [part.casefold() for part in _HASHTAG_PARTS.findall(html.unescape(text))]
    return [words] if parts == words else [words, parts]


def _holds(words: list[str], part: list[str]) -> bool:
    size = len(part)
    return size > 0 and any(words[at : at + size] == part for at in range(len(words) - size + 1))


def is_exact_theme(theme: str, acceptable: Iterable[str]) -> bool:
    """Return whether it equals an acceptable theme."""
    return normalise(theme) in map(normalise, acceptable)


def has_acceptable_head(theme: str, acceptable: Iterable[str]) -> bool:
    """Return whether its head word is that of an acceptable theme, in singular or plural."""
    head = head_word(theme)
    return bool(head) and head in {head_word(other) for other in acceptable}


def head_word(theme: str) -> str:
    """Return the last word in the singular, trailing participles left out ("Fire ban lifted": ban)."""
    return _head_and_participles(theme)[0]


def theme_nearness(theme: str, other: str) -> int:
    """Return how near the theme is to the other: 3 equal, 2 same head and participles, 1 same head, 0 neither.

    "Plant explosion" is nearer to "Explosion" than to "Explosion denied", whose head word is the same.
    """
    if normalise(theme) == normalise(other):
        return 3
    head, participles = _head_and_participles(theme)
    other_head, other_participles = _head_and_participles(other)
    if not head or head != other_head:
        return 0
    return 2 if participles == other_participles else 1


def _head_and_participles(theme: str) -> tuple[str, list[str]]:
    words = re.findall(r"\w+", normalise(theme))
    size = len(words)
    while size > 1 and words[size - 1].endswith("ed"):
        size -= 1
    return (_singular(words[size - 1]) if words else ""), words[size:]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and re.search(r"(?:s|x|z|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def is_date_theme(theme: str) -> bool:
    """Return whether the theme holds a digit, or is nothing but names of days, months and times."""
    words = re.findall(r"\w+", theme.casefold())
    return any(map(str.isdigit, theme)) or (bool(words) and _DATE_WORDS.issuperset(words))


def load_similarity() -> Similarity | None:
    """Return the function that compares themes by meaning; None if the model is not installed."""
    level = logging.getLogger().level
    try:
        import wordllama
    except ImportError:
        return None
    # Its import makes every library log at INFO: httpx would print a line for each request.
    logging.getLogger().setLevel(level)
    # Its own folder as the cache: release 0.4.0 looks for its tokenizer in `tokenizer` but ships it in `tokenizers`.
    package = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=package, disable_download=True)

    def nearest(theme: str, acceptable: Sequence[str]) -> float:
        return max(
            (float(model.similarity(theme.lower(), other.lower())) for other in acceptable), default=0.0
        )

    return nearest
