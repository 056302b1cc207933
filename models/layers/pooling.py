"""The states of a sentence as one vector."""

import torch
from torch import Tensor


def pool(states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
    """Return average, maximum and last of the states of real tokens, side by side (the paper's section 3.1).

    Shapes:
        states: (B, T, H), zero on padding.
        mask: (B, T) true on real tokens.
        lengths: (B,) real tokens of each sentence.
        returns: (B, 3 H).
    """
    lengths = lengths.to(states.device)
    average = states.sum(dim=1) / lengths[:, None]
    maximum = states.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
    last = states[torch.arange(len(states), device=states.device), lengths - 1]
    return torch.cat([average, maximum, last], dim=-1)
