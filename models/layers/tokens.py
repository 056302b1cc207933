"""The tokens of a batch: each with features of its own, or with those of its word.

Equal words have equal features until they look at their neighbours, unless dropout tells them apart. So in
inference whatever maps each token by itself, as the input products of an LSTM do, is computed once a word.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


class Tokens(ABC):
    """(B, T, D) features, zero on padding."""

    @property
    @abstractmethod
    def dense(self) -> Tensor:
        """(B, T, D) all of them."""

    @property
    @abstractmethod
    def num_tokens(self) -> int:
        """T."""

    @abstractmethod
    def first(self, size: int) -> Self:
        """The same tokens with their first `size` features alone."""

    @abstractmethod
    def project(self, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
        """(N, P) `x W + b` of the tokens in this order; (N,) numbers `b * T + t`, (D, P), (P,)."""


@dataclass(frozen=True)
class OwnFeatures(Tokens):
    """Tokens that all differ."""

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
    """Tokens that are given by their words."""

    features: Tensor
    """(1 + U, D) features of the padding, which are zero, and of the batch's distinct words."""
    words: Tensor
    """(B, T) row of each token's word, 0 on padding."""

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
