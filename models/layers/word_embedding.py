"""Word vectors: trained ones, and a frozen tail for words that do not occur in the training texts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.text.vocabulary import PADDING_INDEX, UNKNOWN_INDEX, Vocabularies


class WordEmbedding(nn.Module):
    """Looks up word vectors.

    In training it replaces some of the rare words without a pretrained vector by the unknown word.

    Shapes:
        words: (B, T) indices into the vocabulary.
        returns: (B, T, D), zero on padding.
    """

    tail: Tensor

    def __init__(self, vocabularies: Vocabularies, dim: int, word_dropout: float) -> None:
        super().__init__()
        self.num_trained = vocabularies.num_trainable_words
        self.rare_end = UNKNOWN_INDEX + 1 + vocabularies.num_rare_words
        self.word_dropout = word_dropout
        num_tail = len(vocabularies.words) - self.num_trained
        self.trained = nn.Embedding(self.num_trained, dim, padding_idx=PADDING_INDEX)
        # Row 0 is zero: it is what words outside the tail look up.
        self.register_buffer("tail", torch.zeros(num_tail + 1, dim))
        bound = (3 / dim) ** 0.5
        nn.init.uniform_(self.trained.weight, -bound, bound)
        with torch.no_grad():
            self.trained.weight[PADDING_INDEX] = 0

    @torch.no_grad()
    def load_vectors(self, vectors: Tensor) -> None:
        """Copy pretrained vectors, (V, D) in the order of the vocabulary; a row of zeros means that a word has none.

        Raises:
            ValueError: the vectors have another shape.
        """
        expected = (self.num_trained + len(self.tail) - 1, self.trained.embedding_dim)
        if tuple(vectors.shape) != expected:
            raise ValueError(f"vectors are {tuple(vectors.shape)}, the vocabulary needs {expected}")
        vectors = vectors.to(self.tail.dtype)
        known = vectors[: self.num_trained].any(dim=1)
        known[PADDING_INDEX] = False
        self.trained.weight[known] = vectors[: self.num_trained][known]
        self.tail[1:] = vectors[self.num_trained :]

    def forward(self, words: Tensor) -> Tensor:
        if self.training and self.word_dropout:
            rare = (words > UNKNOWN_INDEX) & (words < self.rare_end)
            hidden = rare & (torch.rand(words.shape, device=words.device) < self.word_dropout)
            words = words.masked_fill(hidden, UNKNOWN_INDEX)
        in_tail = words >= self.num_trained
        trained: Tensor = self.trained(words.masked_fill(in_tail, PADDING_INDEX))
        tail = F.embedding((words - self.num_trained + 1).clamp(min=0), self.tail)
        # Row 0 of both tables is zero, so the sum is the vector of the table that has the word.
        return trained + tail
