"""Guesses that read nothing of a text, or nothing but the word, to be scored on the same texts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

OUTSIDE = "O"

Words = Sequence[str]
Tags = Sequence[str]


def all_outside(gold: Iterable[Tags]) -> list[list[str]]:
    """Guess O for every token."""
    return [[OUTSIDE] * len(tags) for tags in gold]


def majority_label(gold: Sequence[str]) -> list[str]:
    """Guess the most frequent label of these very texts: the best that one answer for all can do."""
    [(label, _)] = Counter(gold).most_common(1)
    return [label] * len(gold)


def frequent_tags(tagged: Iterable[tuple[Words, Tags]]) -> dict[str, str]:
    """Return each training word's most frequent tag."""
    counts: dict[str, Counter[str]] = {}
    for words, tags in tagged:
        for word, tag in zip(words, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    return {word: of_word.most_common(1)[0][0] for word, of_word in counts.items()}


def tag_by_word(sentences: Iterable[Words], tag_of: Mapping[str, str]) -> list[list[str]]:
    """Guess each word's own tag, O for words that are not in the mapping; made valid BIO."""
    return [_valid([tag_of.get(word, OUTSIDE) for word in words]) for words in sentences]


def _valid(tags: list[str]) -> list[str]:
    # An I- with nothing of its type before it begins an entity: strict scoring takes no other reading.
    previous = OUTSIDE
    for index, tag in enumerate(tags):
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            tags[index] = f"B-{tag[2:]}"
        previous = tags[index]
    return tags
