"""Sentences as padded tensors.

A batch depends only on its sentences, the configuration and the vocabularies. Node `b * T + t` of the graph is token
`t` of sentence `b`, so graph and padded tensors always fit together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from models.config import ModelConfig
from models.errors import EmptySentenceError, MissingParseError
from models.text.sentence import Sentence
from models.text.vocabulary import Vocabularies
from models.text.word_forms import case_class


@dataclass(frozen=True)
class Layout:
    """The shape of B sentences, the longest of which has T words, and the arcs of their parses."""

    lengths: Tensor
    """(B,) number of words of each sentence; stays on the CPU."""
    mask: Tensor
    """(B, T) true on real tokens."""
    edge_index: Tensor | None
    """(2, E) head and dependent of each arc, without roots; None if the variant reads no parse."""
    edge_type: Tensor | None
    """(E,) index of each arc's relation; None if the variant reads no parse."""

    def to(self, device: torch.device | str) -> Self:
        """Return the same on `device`; lengths stay on the CPU."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(
            **{name: t if t is None or name in _ON_CPU else t.to(device) for name, t in tensors.items()}
        )


@dataclass(frozen=True)
class Batch(Layout):
    """A layout with the features of each word; its words have U distinct spellings, the longest has C characters."""

    guidelines: Tensor
    """(B,) index of each sentence's guidelines in `ModelConfig.sources`, counted from 1; 0 if they are unknown."""
    words: Tensor
    """(B, T) word indices, 0 on padding."""
    case: Tensor
    """(B, T) case classes, 0 on padding."""
    spelling: Tensor
    """(B, T) row in `chars` of each word's spelling, 0 on padding."""
    chars: Tensor
    """(1 + U, C) character indices of each spelling, 0 on padding; row 0 is for padding tokens."""
    char_lengths: Tensor
    """(1 + U,) number of characters of each spelling, 1 for row 0; stays on the CPU, where packing needs it."""


_ON_CPU = ("lengths", "char_lengths")


class Featurizer:
    """Turns sentences into a `Batch`. It keeps no state between calls, so threads may share it."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        self._config = config
        self._vocabularies = vocabularies

    def __call__(self, sentences: Sequence[Sentence]) -> Batch:
        """Return the batch of these sentences.

        Raises:
            EmptySentenceError: there is no sentence, or one has no words.
            MissingParseError: the variant reads a parse, and a sentence has none.
        """
        layout = self.lay_out(sentences)
        words = [word for sentence in sentences for word in sentence.words]
        return self._describe(layout, words, [sentence.guidelines for sentence in sentences])

    def lay_out(self, sentences: Sequence[Sentence]) -> Layout:
        """Return the layout of these sentences; raises the same errors as a call."""
        if not sentences or not all(sentence.words for sentence in sentences):
            raise EmptySentenceError("expected at least one sentence, each with at least one word")
        lengths = torch.tensor([len(sentence.words) for sentence in sentences])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        edge_index, edge_type = self._connect(sentences, mask.shape[1])
        return Layout(lengths, mask, edge_index, edge_type)

    def describe(self, words: Sequence[str], guidelines: str | None = None) -> Batch:
        """Return a batch of one sentence without arcs, for features of words that do not depend on their neighbours."""
        mask = torch.ones(1, len(words), dtype=torch.bool)
        return self._describe(Layout(torch.tensor([len(words)]), mask, None, None), words, [guidelines])

    def _describe(self, layout: Layout, words: Sequence[str], guidelines: Sequence[str | None]) -> Batch:
        spellings = {word: row for row, word in enumerate(dict.fromkeys(words), start=1)}
        spelling = pad([spellings[word] for word in words], layout.mask)
        word_of = torch.tensor([0, *map(self._vocabularies.word_index, spellings)])
        case_of = torch.tensor([0, *map(case_class, spellings)])
        chars, char_lengths = self._spell(list(spellings))
        return Batch(
            **vars(layout),
            guidelines=torch.tensor([self.guidelines_index(name) for name in guidelines]),
            words=word_of[spelling],
            case=case_of[spelling],
            spelling=spelling,
            chars=chars,
            char_lengths=char_lengths,
        )

    def guidelines_index(self, name: str | None) -> int:
        """Return the index of guidelines as in `Batch.guidelines`; None are those of the default source."""
        return self._config.source_index(self._config.default_source if name is None else name)

    def _spell(self, spellings: Sequence[str]) -> tuple[Tensor, Tensor]:
        if not self._config.use_char_embs:
            return torch.zeros(len(spellings) + 1, 1, dtype=torch.long), torch.ones(len(spellings) + 1).long()
        words = [_shorten(word, self._config.max_word_chars) for word in spellings]
        lengths = torch.tensor([1, *map(len, words)])
        taken = torch.arange(int(lengths.max())) < lengths[:, None]
        return pad([0, *map(self._vocabularies.char_index, "".join(words))], taken), lengths

    def _connect(self, sentences: Sequence[Sentence], width: int) -> tuple[Tensor | None, Tensor | None]:
        if not self._config.needs_parse:
            return None, None
        index = self._vocabularies.deprel_index
        heads, dependents, types = [], [], []
        for row, sentence in enumerate(sentences):
            if sentence.heads is None or sentence.deprels is None:
                raise MissingParseError(f"sentence {row} has no parse: {' '.join(sentence.words)[:80]!r}")
            for token, (head, deprel) in enumerate(zip(sentence.heads, sentence.deprels, strict=True)):
                if head != token:
                    heads.append(row * width + head)
                    dependents.append(row * width + token)
                    types.append(index(deprel))
        return torch.tensor([heads, dependents], dtype=torch.long), torch.tensor(types, dtype=torch.long)


def pad(values: Sequence[int], mask: Tensor) -> Tensor:
    """Return a tensor of the mask's shape: the values, row by row, where the mask is true, and zero elsewhere."""
    return torch.zeros(mask.shape, dtype=torch.long).masked_scatter_(mask, torch.tensor(values))


def _shorten(word: str, limit: int) -> str:
    """Keep both ends of a long word: the two directions of the character LSTM need them more than the middle."""
    if len(word) <= limit:
        return word
    return word[: (limit + 1) // 2] + word[len(word) - limit // 2 :]
