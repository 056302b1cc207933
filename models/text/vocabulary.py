"""Words, characters and dependency relations that a checkpoint knows, each with its index."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from models.text.sentence import Sentence
from models.text.word_forms import training_form, word_forms

PADDING = "<pad>"
UNKNOWN = "<unk>"
PADDING_INDEX = 0
UNKNOWN_INDEX = 1

RARE_COUNT = 5
"""A training word seen less often is rare: word dropout may hide it."""
MIN_CHAR_COUNT = 3
"""A character seen less often is read as unknown, so that the unknown character is trained too."""


@dataclass(frozen=True)
class Vocabularies:
    """Index 0 is padding and 1 unknown in all three lists.

    `words` has four stretches: padding and unknown; rare training words without a pretrained vector
    (`num_rare_words`); the other training words, up to `num_trainable_words`; the frozen tail, words never
    seen in training that keep their pretrained vector.
    """

    words: tuple[str, ...]
    chars: tuple[str, ...]
    deprels: tuple[str, ...]
    num_trainable_words: int
    num_rare_words: int

    def __post_init__(self) -> None:
        for name in ("words", "chars", "deprels"):
            entries = getattr(self, name)
            if entries[:2] != (PADDING, UNKNOWN) or len(set(entries)) != len(entries):
                raise ValueError(f"{name}: expected padding, unknown, then entries that differ")
        if not 0 <= self.num_rare_words <= self.num_trainable_words - 2 <= len(self.words) - 2:
            raise ValueError(
                f"num_rare_words={self.num_rare_words}, num_trainable_words={self.num_trainable_words}: "
                f"do not fit {len(self.words)} words"
            )

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sentence],
        glove_words: Sequence[str],
        *,
        max_tail_words: int,
        min_count: int = 1,
    ) -> Self:
        """Collect the vocabularies of training sentences, and the most frequent other words of `glove_words`.

        `min_count` holds for words without a pretrained vector. A word enters under the form that has a
        vector, or in lower case with digits as 0.
        """
        spellings: Counter[str] = Counter()
        deprels: set[str] = set()
        for sentence in sentences:
            spellings.update(sentence.words)
            deprels.update(sentence.deprels or ())
        glove = dict.fromkeys(glove_words)
        counts: Counter[str] = Counter()
        for spelling, count in spellings.items():
            form = next((form for form in word_forms(spelling) if form in glove), None)
            counts[form or training_form(spelling)] += count
        counts = Counter({word: n for word, n in counts.items() if word not in (PADDING, UNKNOWN)})
        rare = [w for w, count in counts.items() if w not in glove and min_count <= count < RARE_COUNT]
        common = [w for w, count in counts.items() if w in glove or count >= max(min_count, RARE_COUNT)]
        tail = [w for w in glove if w not in counts and w not in (PADDING, UNKNOWN)][:max_tail_words]
        trained = [PADDING, UNKNOWN, *sorted(rare), *sorted(common)]
        return cls(
            words=(*trained, *tail),
            chars=(PADDING, UNKNOWN, *_frequent_chars(spellings)),
            deprels=(PADDING, UNKNOWN, *sorted(deprels)),
            num_trainable_words=len(trained),
            num_rare_words=len(rare),
        )

    def word_index(self, word: str) -> int:
        """Index of the first known form of the word (see `word_forms`), else unknown."""
        indices = self._word_indices
        for form in word_forms(word):
            if (index := indices.get(form)) is not None:
                return index
        return UNKNOWN_INDEX

    def char_index(self, char: str) -> int:
        """Index of a character, else unknown."""
        return self._char_indices.get(char, UNKNOWN_INDEX)

    def deprel_index(self, deprel: str) -> int:
        """Index of a dependency relation, else unknown."""
        return self._deprel_indices.get(deprel, UNKNOWN_INDEX)

    @cached_property
    def _word_indices(self) -> dict[str, int]:
        # A post may spell "<pad>": only the featurizer hands out the first two indices.
        return {word: index for index, word in enumerate(self.words) if index > UNKNOWN_INDEX}

    @cached_property
    def _char_indices(self) -> dict[str, int]:
        return {char: index for index, char in enumerate(self.chars)}

    @cached_property
    def _deprel_indices(self) -> dict[str, int]:
        return {deprel: index for index, deprel in enumerate(self.deprels)}


def _frequent_chars(spellings: Counter[str]) -> list[str]:
    counts: Counter[str] = Counter()
    for spelling, count in spellings.items():
        for char in spelling:
            counts[char] += count
    return sorted(char for char, count in counts.items() if count >= MIN_CHAR_COUNT)
