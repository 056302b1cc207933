"""The tokens of a batch, each with its own features or with those of its word.

In inference equal words have equal features until a layer mixes in their neighbours. So a map of single tokens, such as
the input products of an LSTM, is computed once for each distinct word. In training dropout makes them differ.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


class Tokens(ABC):
    """Features of shape (B, T, D), zero on padding."""

    @property
    @abstractmethod
    def dense(self) -> Tensor:
        """All features as one (B, T, D) tensor."""

    @property
    @abstractmethod
    def num_tokens(self) -> int:
        """T, the number of tokens of the longest sentence."""

    @abstractmethod
    def first(self, size: int) -> Self:
        """Return the same tokens with only their first `size` features."""

    @abstractmethod
    def project(self, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
        """Return `x W + b` for tokens in the given order.

        Shapes:
            weight: (D, P); bias: (P,).
            order: (N,) token numbers `b * T + t`.
            returns: (N, P).
        """


@dataclass(frozen=True)
class OwnFeatures(Tokens):
    """Tokens that each have their own features."""

    features: Tensor
    """(B, T, D)."""

    @property
    def dense(self) -> Tensor:
        return self.features

    @property
    def num_tokens(self) -> int:
        return self.features.shape[1]

    def first(self, size: int) -> Self:
        return type(self)(self.features[..., :size])

    def project(self, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
        return torch.addmm(bias, self.features.flatten(0, 1)[order], weight)


@dataclass(frozen=True)
class WordFeatures(Tokens):
    """Tokens that have the features of their word."""

    features: Tensor
    """(1 + U, D) features: zeros for padding, then those of the U distinct words of the batch."""
    words: Tensor
    """(B, T) row in `features` of each token's word, 0 on padding."""

    @property
    def dense(self) -> Tensor:
        return self.features[self.words]

    @property
    def num_tokens(self) -> int:
        return self.words.shape[1]

    def first(self, size: int) -> Self:
        return type(self)(self.features[:, :size], self.words)

    def project(self, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
        return torch.addmm(bias, self.features, weight)[self.words.flatten()[order]]
