"""Sentences as padded tensors.

A batch is a pure function of its sentences, the configuration and the vocabularies. Node `b * T + t` of the
graph is token `t` of sentence `b`, so the graph and the padded tensors cannot drift apart.
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
    """Where the words of B sentences of at most T words stand, and how they hang together."""

    lengths: Tensor
    """(B,) words of each sentence; stays on the CPU."""
    mask: Tensor
    """(B, T) true on real tokens."""
    edge_index: Tensor | None
    """(2, E) head and dependent node of each arc, roots left out; None unless the variant reads a parse."""
    edge_type: Tensor | None
    """(E,) index of each arc's relation."""

    def to(self, device: torch.device | str) -> Self:
        """The same on `device`, lengths excepted."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(
            **{name: t if t is None or name in _ON_CPU else t.to(device) for name, t in tensors.items()}
        )


@dataclass(frozen=True)
class Batch(Layout):
    """A layout with what can be said of each word: U distinct spellings of at most C characters."""

    source: Tensor
    """(B,) index of each sentence's source in `ModelConfig.sources`, from 1; 0 where it is unknown."""
    words: Tensor
    """(B, T) word indices, 0 on padding."""
    case: Tensor
    """(B, T) case classes, 0 on padding."""
    spelling: Tensor
    """(B, T) index of each word's spelling, 0 on padding; words of equal spelling share one."""
    chars: Tensor
    """(U, C) character indices of each spelling, 0 on padding; row 0 stands for padding tokens."""
    char_lengths: Tensor
    """(U,) characters of each spelling, 1 for row 0; stays on the CPU, where packing wants it."""


_ON_CPU = ("lengths", "char_lengths")


class Featurizer:
    """Turns sentences into a `Batch`; keeps no state between calls, so threads may share it."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        self._config = config
        self._vocabularies = vocabularies
        self._sources = {name: index for index, name in enumerate(config.sources, start=1)}

    def __call__(self, sentences: Sequence[Sentence]) -> Batch:
        """Raises `EmptySentenceError`, and `MissingParseError` where the variant reads a parse."""
        layout = self.lay_out(sentences)
        words = [word for sentence in sentences for word in sentence.words]
        return self._describe(layout, words, [sentence.source for sentence in sentences])

    def lay_out(self, sentences: Sequence[Sentence]) -> Layout:
        """All of the batch but its words; raises as a call does."""
        if not sentences or not all(sentence.words for sentence in sentences):
            raise EmptySentenceError("expected one sentence or more, each with one word or more")
        lengths = torch.tensor([len(sentence.words) for sentence in sentences])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        edge_index, edge_type = self._connect(sentences, mask.shape[1])
        return Layout(lengths, mask, edge_index, edge_type)

    def describe(self, words: Sequence[str], source: str | None = None) -> Batch:
        """One sentence of words without arcs, for what can be said of a word without its neighbours."""
        mask = torch.ones(1, len(words), dtype=torch.bool)
        return self._describe(Layout(torch.tensor([len(words)]), mask, None, None), words, [source])

    def _describe(self, layout: Layout, words: Sequence[str], sources: Sequence[str | None]) -> Batch:
        spellings = {word: row for row, word in enumerate(dict.fromkeys(words), start=1)}
        spelling = pad([spellings[word] for word in words], layout.mask)
        word_of = torch.tensor([0, *map(self._vocabularies.word_index, spellings)])
        case_of = torch.tensor([0, *map(case_class, spellings)])
        chars, char_lengths = self._spell(list(spellings))
        return Batch(
            **vars(layout),
            source=torch.tensor([self._source_index(source) for source in sources]),
            words=word_of[spelling],
            case=case_of[spelling],
            spelling=spelling,
            chars=chars,
            char_lengths=char_lengths,
        )

    def _source_index(self, source: str | None) -> int:
        name = self._config.default_source if source is None else source
        return self._sources.get(name, 0)

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
    """(rows, width) the values row after row where the mask is true, zero elsewhere."""
    return torch.zeros(mask.shape, dtype=torch.long).masked_scatter_(mask, torch.tensor(values))


def _shorten(word: str, limit: int) -> str:
    """Both ends matter to the two directions of the character LSTM; the middle of a long word does not."""
    if len(word) <= limit:
        return word
    return word[: (limit + 1) // 2] + word[len(word) - limit // 2 :]
