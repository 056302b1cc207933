"""Pooling, the sentiment losses, and locked dropout."""

import pytest
import torch
import torch.nn.functional as F

from models.layers.locked_dropout import LockedDropout
from models.layers.losses import SENTIMENT_LOSSES, focal_loss
from models.layers.pooling import pool


def test_pooling_reads_real_tokens_only() -> None:
    """Average, maximum and last token of each sentence are those of its real tokens."""
    torch.manual_seed(0)
    lengths = torch.tensor([3, 1])
    mask = torch.arange(4) < lengths[:, None]
    states = (torch.randn(2, 4, 5) - 3) * mask[..., None]
    for row, length in enumerate(lengths.tolist()):
        real = states[row, :length]
        expected = torch.cat([real.mean(dim=0), real.amax(dim=0), real[-1]])
        torch.testing.assert_close(pool(states, mask, lengths)[row], expected)


def test_focal_loss_is_the_formula() -> None:
    """The cross entropy of each example is weighted by (1 - p)^2, so the loss is smaller than cross entropy."""
    logits, labels = torch.tensor([[2.0, -1.0, 0.0], [0.5, 0.5, 0.5]]), torch.tensor([0, 2])
    p = [logits[row].softmax(dim=0)[label].item() for row, label in enumerate(labels.tolist())]
    expected = sum((1 - x) ** 2 * -torch.tensor(x).log().item() for x in p) / 2
    assert focal_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)
    assert SENTIMENT_LOSSES["cross_entropy"](logits, labels) == F.cross_entropy(logits, labels)
    assert focal_loss(logits, labels) < F.cross_entropy(logits, labels)


def test_dropout_is_locked_over_a_sentence() -> None:
    """All tokens of a sentence lose the same features, another sentence loses others; in evaluation none are lost."""
    torch.manual_seed(0)
    dropout, states = LockedDropout(0.5), torch.ones(2, 6, 40)
    dropped = dropout(states)
    assert all(torch.equal(dropped[:, 0], dropped[:, t]) for t in range(6))
    assert not torch.equal(dropped[0], dropped[1])
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(states), states)
