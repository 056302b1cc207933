"""Chooses the tag of each token independently of the others, as the paper does."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.decoders.tag_decoder import PathConfidence
from models.text.spans import is_continuation


class SoftmaxDecoder(nn.Module):
    """Takes the tag with the highest score at each token; `TagDecoder` gives the shapes."""

    continues: Tensor

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        continues = torch.tensor([[is_continuation(before, tag) for tag in tags] for before in tags])
        self.register_buffer("continues", continues, persistent=False)

    def loss(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        return F.cross_entropy(scores[mask], tags[mask])

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        return scores.argmax(dim=-1) * mask

    def confidence(self, scores: Tensor, mask: Tensor, paths: Tensor) -> PathConfidence:
        log_probabilities = scores.log_softmax(dim=-1)
        of_path = log_probabilities.gather(2, paths[..., None]).squeeze(2)
        next_probabilities = F.pad(log_probabilities.exp() * mask[..., None], (0, 0, 0, 1))[:, 1:]
        going_on = (next_probabilities * self.continues[paths]).sum(dim=-1)
        return PathConfidence(begin=of_path, go_on=of_path, end=torch.log1p(-going_on.clamp(max=1)))
