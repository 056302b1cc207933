"""The losses of the sentiment head, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL_GAMMA = 2.0
"""The exponent that Lin et al. recommend."""


def focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy that gives less weight to examples that are already right (Lin et al. 2017, eq. 4, alpha = 1).

    Shapes:
        logits: (B, S); labels: (B,).
        returns: the mean, a scalar.
    """
    log_right = F.log_softmax(logits, dim=-1).gather(1, labels[:, None]).squeeze(1)
    return -torch.mean((1 - log_right.exp()) ** FOCAL_GAMMA * log_right)


SENTIMENT_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"cross_entropy": F.cross_entropy, "focal": focal_loss}
)
