"""A word's spelling, read by a character LSTM from both ends."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class CharBiLstm(nn.Module):
    """Final states of both directions of an LSTM over a word's characters (Lample et al. 2016).

    Each direction has read the whole word: packing lets the backward one start at the last real character.

    Shapes:
        chars: (U, C) character indices of distinct spellings, 0 on padding.
        lengths: (U,) real characters of each, on the CPU.
        returns: (U, 2 H).
    """

    def __init__(self, num_chars: int, dim: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_chars, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, hidden_size, batch_first=True, bidirectional=True)

    def forward(self, chars: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embedding(chars), lengths, batch_first=True, enforce_sorted=False)
        _, (final, _) = self.lstm(packed)
        return torch.cat([final[0], final[1]], dim=-1)
