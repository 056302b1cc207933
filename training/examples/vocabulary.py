"""Which sentences a vocabulary is built from, and the pretrained vectors put into its order."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from models import Sentence, Vocabularies
from training.errors import GloveError
from training.examples.example import Example
from training.examples.glove import WordVectors


def vocabulary_sentences(examples: Iterable[Example]) -> Iterator[Sentence]:
    """Yield the sentences of training examples with every @name and every e-mail address left out.

    A shipped vocabulary must not publish who wrote the training posts. The network still sees the names'
    characters while it trains, and reads the names themselves as unknown words, as it will in new posts.
    """
    for example in examples:
        words, deprels = example.sentence.words, example.sentence.deprels
        kept = [index for index in range(len(words)) if not _names_account(words, index)]
        yield Sentence(
            tuple(words[index] for index in kept),
            None if deprels is None else tuple(range(len(kept))),
            None if deprels is None else tuple(deprels[index] for index in kept),
        )


def initial_vectors(vocabularies: Vocabularies, pretrained: WordVectors, dim: int) -> Tensor:
    """Return (V, D) vectors aligned with `vocabularies.words`; rows of zeros for words that have none.

    Raises:
        GloveError: the vectors are not of size `dim`.
    """
    if pretrained.vectors.shape[1] != dim:
        raise GloveError(f"vectors of size {pretrained.vectors.shape[1]}, but the network has word_dim={dim}")
    rows = {word: row for row, word in enumerate(pretrained.words)}
    vectors = torch.zeros(len(vocabularies.words), dim)
    known = [(index, rows[word]) for index, word in enumerate(vocabularies.words) if word in rows]
    if known:
        targets, origins = zip(*known, strict=True)
        vectors[list(targets)] = torch.from_numpy(pretrained.vectors[list(origins)])
    return vectors


def _names_account(words: tuple[str, ...], index: int) -> bool:
    follows_sign = index > 0 and words[index - 1] == "@"
    return follows_sign or ("@" in words[index] and len(words[index]) > 1)
