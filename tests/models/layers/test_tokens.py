"""Tokens with their own features, and with those of their words."""

import torch

from models.layers.tokens import OwnFeatures, WordFeatures


def test_tokens_have_the_features_of_their_words() -> None:
    """Features, first features and projections are the same for tokens with features of their own."""
    torch.manual_seed(0)
    by_word = WordFeatures(
        torch.cat([torch.zeros(1, 5), torch.randn(3, 5)]).double(), torch.tensor([[1, 3, 1], [2, 0, 0]])
    )
    one_by_one = OwnFeatures(by_word.dense)
    assert not by_word.dense[1, 1:].any()
    assert torch.equal(by_word.dense[0, 0], by_word.dense[0, 2])
    weight, bias = torch.randn(2, 4).double(), torch.randn(4).double()
    order = torch.tensor([3, 0, 2, 1])
    actual = by_word.first(2).project(weight, bias, order)
    expected = one_by_one.first(2).project(weight, bias, order)
    torch.testing.assert_close(actual, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(expected[0], by_word.features[2, :2] @ weight + bias, atol=1e-9, rtol=0)
