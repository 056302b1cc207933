"""The decoder that chooses tags independently."""

from itertools import product

import pytest
import torch

from models.layers.decoders.softmax_decoder import SoftmaxDecoder
from models.text.spans import spans_from_tags

TAGS = ("O", "B-LOC", "I-LOC")


def test_span_probability_is_the_share_of_paths_with_that_span() -> None:
    """With independent tags too, the score of an entity is the probability of exactly this span."""
    torch.manual_seed(3)
    scores, mask = torch.randn(1, 4, 3).double(), torch.tensor([[True, True, True, True]])
    decoder = SoftmaxDecoder(TAGS)
    path = torch.tensor([[1, 2, 0, 1]])
    spans = spans_from_tags([TAGS[tag] for tag in path[0].tolist()])
    chances = scores[0].softmax(dim=-1)
    expected = [0.0] * len(spans)
    for other in product(range(3), repeat=4):
        found = spans_from_tags([TAGS[tag] for tag in other])
        share = torch.stack([chances[t, tag] for t, tag in enumerate(other)]).prod().item()
        expected = [e + share * (span in found) for e, span in zip(expected, spans, strict=True)]
    assert decoder.confidence(scores, mask, path).span_probabilities([spans])[0] == pytest.approx(expected)


def test_loss_and_decode_leave_padding_out() -> None:
    """Scores on padding change neither the loss nor the path."""
    torch.manual_seed(0)
    scores, mask = torch.randn(2, 3, 3), torch.tensor([[True, True, True], [True, False, False]])
    decoder, tags = SoftmaxDecoder(TAGS), torch.tensor([[0, 1, 2], [1, 0, 0]])
    spoiled = scores.masked_fill(~mask[..., None], 99.0)
    assert decoder.loss(scores, tags, mask) == decoder.loss(spoiled, tags, mask)
    assert torch.equal(decoder.decode(spoiled, mask), scores.argmax(dim=-1) * mask)
