"""Dropout with one mask for all tokens of a sentence (Gal and Ghahramani 2016)."""

import torch.nn.functional as F
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Drops the same features at every token of a sentence.

    Shapes:
        states: (B, T, H).
        returns: (B, T, H).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, states: Tensor) -> Tensor:
        if not self.training or not self.probability:
            return states
        return states * F.dropout(states.new_ones(states.shape[0], 1, states.shape[2]), self.probability)
