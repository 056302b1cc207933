"""A character LSTM that reads the spelling of a word from both ends."""

import torch
from torch import Tensor, nn

from models.layers.recurrent.bilstm import read_both_ways
from models.layers.tokens import OwnFeatures


class CharBiLstm(nn.Module):
    """The final states of both directions of an LSTM over the characters of a word (Lample et al. 2016).

    The backward direction starts at the last real character, so both have read the whole word and no padding.

    Shapes:
        chars: (U, C) character indices of distinct spellings, 0 on padding.
        lengths: (U,) number of real characters of each spelling, on the CPU.
        returns: (U, 2 H).
    """

    def __init__(self, num_chars: int, dim: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_chars, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, hidden_size, batch_first=True, bidirectional=True)

    def forward(self, chars: Tensor, lengths: Tensor) -> Tensor:
        states = read_both_ways(self.lstm, OwnFeatures(self.embedding(chars)), lengths)
        last = states[torch.arange(len(states), device=states.device), lengths.to(states.device) - 1]
        size = self.lstm.hidden_size
        return torch.cat([last[:, :size], states[:, 0, size:]], dim=-1)
