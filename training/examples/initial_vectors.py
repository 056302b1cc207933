"""Pretrained vectors put into a vocabulary's order."""

import torch
from torch import Tensor

from models import Vocabularies
from training.errors import GloveError
from training.examples.glove import WordVectors


def initial_vectors(vocabularies: Vocabularies, pretrained: WordVectors, dim: int) -> Tensor:
    """(V, D) vectors aligned with `vocabularies.words`; rows of zeros for words that have none.

    Raises:
        GloveError: the vectors are not of size `dim`.
    """
    if pretrained.vectors.shape[1] != dim:
        raise GloveError(f"vectors of size {pretrained.vectors.shape[1]}, but the network has word_dim={dim}")
    rows = {word: row for row, word in enumerate(pretrained.words)}
    vectors = torch.zeros(len(vocabularies.words), dim)
    known = [(index, rows[word]) for index, word in enumerate(vocabularies.words) if word in rows]
    if known:
        targets, sources = zip(*known, strict=True)
        vectors[list(targets)] = torch.from_numpy(pretrained.vectors[list(sources)])
    return vectors
