"""The features of a token before the network mixes in its neighbours."""

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.layers.locked_dropout import LockedDropout
from models.layers.recurrent.char_bilstm import CharBiLstm
from models.layers.tokens import OwnFeatures
from models.layers.word_embedding import WordEmbedding
from models.network.batch import Batch
from models.text.vocabulary import Vocabularies
from models.text.word_forms import CASE_CLASSES


class CharFeatures(nn.Module):
    """Character features of each token, computed once for each distinct spelling; returns (B, T, 2 H)."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.size = 2 * config.char_hidden_size
        self.bilstm = CharBiLstm(len(vocabularies.chars), config.char_dim, config.char_hidden_size)

    def forward(self, batch: Batch) -> Tensor:
        spellings: Tensor = self.bilstm(batch.chars, batch.char_lengths)
        return spellings[batch.spelling]


class NoCharFeatures(nn.Module):
    """The place of `CharFeatures` in a variant without characters; returns (B, T, 0)."""

    size = 0

    def forward(self, batch: Batch) -> Tensor:
        return torch.empty(*batch.words.shape, 0, device=batch.words.device)


class GuidelinesShift(nn.Module):
    """Adds the vector of a sentence's guidelines to each of its tokens; adds nothing if they are unknown.

    This is a dataset embedding, as parsers have for treebanks (Stymne et al. 2018). It comes after the dropout of
    features, so that the network sees the whole vector or, by `source_dropout`, none of it.

    Shapes:
        features: (B, T, D).
        guidelines: (B,) as in `Batch`.
        returns: (B, T, D).
    """

    def __init__(self, config: ModelConfig, size: int) -> None:
        super().__init__()
        self.dropout = config.source_dropout
        self.embedding = nn.Embedding(1 + len(config.sources), size, padding_idx=0)
        nn.init.zeros_(self.embedding.weight)

    def forward(self, features: Tensor, guidelines: Tensor) -> Tensor:
        if self.training:
            is_kept = torch.rand(guidelines.shape, device=guidelines.device) >= self.dropout
            guidelines = guidelines * is_kept
        shift: Tensor = self.embedding(guidelines)
        return features + shift[:, None]


class NoGuidelinesShift(nn.Module):
    """The place of `GuidelinesShift` in a network that tells no guidelines apart; returns (B, T, D)."""

    def forward(self, features: Tensor, guidelines: Tensor) -> Tensor:
        return features


class TokenEncoder(nn.Module):
    """Word, case and character features side by side, with locked dropout, and then the shift by guidelines."""

    def __init__(self, config: ModelConfig, vocabularies: Vocabularies) -> None:
        super().__init__()
        self.word = WordEmbedding(vocabularies, config.word_dim, config.word_dropout)
        self.case = nn.Embedding(len(CASE_CLASSES), config.case_dim, padding_idx=0)
        self.char = CharFeatures(config, vocabularies) if config.use_char_embs else NoCharFeatures()
        self.dropout = LockedDropout(config.embedding_dropout)
        self.size = config.word_dim + config.case_dim + self.char.size
        # The weights in a checkpoint have the name of this attribute.
        self.source = GuidelinesShift(config, self.size) if config.sources else NoGuidelinesShift()

    def forward(self, batch: Batch) -> OwnFeatures:
        words = self.word(batch.words)
        features = torch.cat([words, self.case(batch.case), self.char(batch).to(words.dtype)], dim=-1)
        return OwnFeatures(self.source(self.dropout(features), batch.guidelines) * batch.mask[..., None])
