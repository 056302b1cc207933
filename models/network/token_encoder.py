"""What the network knows of a token before it looks at its neighbours."""

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.layers.char_bilstm import CharBiLstm
from models.layers.locked_dropout import LockedDropout
from models.layers.tokens import OwnFeatures
from models.layers.word_embedding import WordEmbedding
from models.network.batch import Batch
from models.text.vocabulary import Vocabularies
from models.text.word_forms import CASE_CLASSES


class CharFeatures(nn.Module):
    """Character features of each token, computed once a distinct spelling; (B, T, 2 H)."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.size = 2 * config.char_hidden_size
        self.bilstm = CharBiLstm(len(vocabularies.chars), config.char_dim, config.char_hidden_size)

    def forward(self, batch: Batch) -> Tensor:
        spellings: Tensor = self.bilstm(batch.chars, batch.char_lengths)
        return spellings[batch.spelling]


class NoCharFeatures(nn.Module):
    """Stands where a variant has no characters; (B, T, 0)."""

    size = 0

    def forward(self, batch: Batch) -> Tensor:
        return torch.empty(*batch.words.shape, 0, device=batch.words.device)


class SourceShift(nn.Module):
    """Adds a vector of its source to every token of a sentence, and none where the source is unknown.

    A dataset embedding, as parsers have for treebanks (Stymne et al. 2018). It comes behind the dropout of features:
    what says whose guidelines hold is to be there whole or, by `source_dropout`, not at all.

    Shapes:
        features: (B, T, D).
        source: (B,) as in `Batch`.
        returns: (B, T, D).
    """

    def __init__(self, config: ModelConfig, size: int) -> None:
        super().__init__()
        self.dropout = config.source_dropout
        self.embedding = nn.Embedding(1 + len(config.sources), size, padding_idx=0)
        nn.init.zeros_(self.embedding.weight)

    def forward(self, features: Tensor, source: Tensor) -> Tensor:
        if self.training:
            source = source * (torch.rand(source.shape, device=source.device) >= self.dropout)
        shift: Tensor = self.embedding(source)
        return features + shift[:, None]


class NoSourceShift(nn.Module):
    """Stands where the network knows no sources; (B, T, D)."""

    def forward(self, features: Tensor, source: Tensor) -> Tensor:
        return features


class TokenEncoder(nn.Module):
    """Word, case and, where used, character features side by side, with locked dropout; and the source, where used."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.word = WordEmbedding(vocabularies, config.word_dim, config.word_dropout)
        self.case = nn.Embedding(len(CASE_CLASSES), config.case_dim, padding_idx=0)
        self.char = CharFeatures(config, vocabularies) if config.use_char_embs else NoCharFeatures()
        self.dropout = LockedDropout(config.embedding_dropout)
        self.size = config.word_dim + config.case_dim + self.char.size
        self.source = SourceShift(config, self.size) if config.sources else NoSourceShift()

    def forward(self, batch: Batch) -> OwnFeatures:
        words = self.word(batch.words)
        features = torch.cat([words, self.case(batch.case), self.char(batch).to(words.dtype)], dim=-1)
        return OwnFeatures(self.source(self.dropout(features), batch.source) * batch.mask[..., None])
