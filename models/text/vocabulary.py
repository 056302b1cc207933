"""The words, characters and dependency relations that a checkpoint knows, and their indices."""

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
"""A training word that was seen less often is rare: word dropout may hide it."""
MIN_CHAR_COUNT = 3
"""A character that was seen less often counts as unknown, so that the unknown character is trained, too."""


@dataclass(frozen=True)
class Vocabularies:
    """Three lists of names; in each of them index 0 is padding and index 1 is unknown.

    `words` has four parts: padding and unknown; the rare training words without a pretrained vector
    (`num_rare_words` of them); the other training words, up to index `num_trainable_words`; and the frozen tail,
    whose words do not occur in the training texts and keep their pretrained vector.
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
                raise ValueError(f"{name}: expected {PADDING}, {UNKNOWN}, and then no entry twice")
        if not 0 <= self.num_rare_words <= self.num_trainable_words - 2 <= len(self.words) - 2:
            raise ValueError(
                f"num_rare_words={self.num_rare_words}, num_trainable_words={self.num_trainable_words}: "
                f"do not fit a list of {len(self.words)} words"
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

        A word enters in the form that has a pretrained vector. If none has, it enters in its `training_form`, and
        only if it was seen at least `min_count` times.

        Args:
            sentences: the training sentences.
            glove_words: all words with a pretrained vector, the most frequent first.
            max_tail_words: how many words of `glove_words` to keep that no training sentence has.
            min_count: how often a word without a pretrained vector must be seen.
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
        """Return the index of the first form of the word (see `word_forms`) that is known, or that of unknown."""
        indices = self._word_indices
        for form in word_forms(word):
            if (index := indices.get(form)) is not None:
                return index
        return UNKNOWN_INDEX

    def char_index(self, char: str) -> int:
        """Return the index of a character, or that of unknown."""
        return self._char_indices.get(char, UNKNOWN_INDEX)

    def deprel_index(self, deprel: str) -> int:
        """Return the index of a dependency relation, or that of unknown."""
        return self._deprel_indices.get(deprel, UNKNOWN_INDEX)

    @cached_property
    def _word_indices(self) -> dict[str, int]:
        # Without the first two: a post may contain the word "<pad>", and it is not padding.
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
