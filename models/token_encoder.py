"""What the network knows of a token before it looks at its neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.char_bilstm import CharBiLstm
from models.config import ModelConfig
from models.locked_dropout import LockedDropout
from models.spelling_cache import SpellingCache
from models.vocabulary import Vocabularies
from models.word_embedding import WordEmbedding
from models.word_forms import CASE_CLASSES


@dataclass(frozen=True)
class TokenFeatures:
    """Both views of a batch's tokens, zero on padding."""

    words: Tensor
    """(B, T, W) word vectors alone, as the separate sentiment branch reads them."""
    tokens: Tensor
    """(B, T, D) word vectors, case class and, where used, characters."""


class CharFeatures(nn.Module):
    """Character features of each token, computed once a distinct spelling; (B, T, 2 H)."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.size = 2 * config.char_hidden_size
        self.bilstm = CharBiLstm(len(vocabularies.chars), config.char_dim, config.char_hidden_size)
        self._cache: SpellingCache | None = None

    def remember_spellings(self) -> None:
        """From now on read each spelling once; for a network on the CPU whose weights no longer change."""
        self._cache = SpellingCache(self.bilstm)

    def forward(self, batch: Batch) -> Tensor:
        read = self.bilstm if self._cache is None or self.training else self._cache
        spellings: Tensor = read(batch.chars, batch.char_lengths)
        return spellings[batch.spelling]


class NoCharFeatures(nn.Module):
    """Stands where a variant has no characters; (B, T, 0)."""

    size = 0

    def remember_spellings(self) -> None:
        """There are none."""

    def forward(self, batch: Batch) -> Tensor:
        return torch.empty(*batch.words.shape, 0, device=batch.words.device)


class TokenEncoder(nn.Module):
    """Word, case and character features side by side, with locked dropout."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.word = WordEmbedding(vocabularies, config.word_dim, config.word_dropout)
        self.case = nn.Embedding(len(CASE_CLASSES), config.case_dim, padding_idx=0)
        self.char = CharFeatures(config, vocabularies) if config.use_char_embs else NoCharFeatures()
        self.dropout = LockedDropout(config.embedding_dropout)
        self.size = config.word_dim + config.case_dim + self.char.size

    def forward(self, batch: Batch) -> TokenFeatures:
        words = self.word(batch.words)
        features = torch.cat([words, self.case(batch.case), self.char(batch).to(words.dtype)], dim=-1)
        tokens = self.dropout(features) * batch.mask[..., None]
        return TokenFeatures(words=tokens[..., : words.shape[-1]], tokens=tokens)
