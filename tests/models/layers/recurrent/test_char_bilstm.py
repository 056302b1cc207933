"""The spelling of a word, with and without padding."""

import torch

from models.layers.recurrent.char_bilstm import CharBiLstm


def test_padding_does_not_change_a_word() -> None:
    """A word has the same features alone and beside longer ones."""
    torch.manual_seed(0)
    layer = CharBiLstm(9, 4, 3).double()
    words = [[2, 3, 4], [5], [6, 7, 8, 2, 3, 4, 5], [2, 2]]
    padded = torch.tensor([word + [0] * (7 - len(word)) for word in words])
    together = layer(padded, torch.tensor([len(word) for word in words]))
    for row, word in enumerate(words):
        alone = layer(torch.tensor([word]), torch.tensor([len(word)]))[0]
        torch.testing.assert_close(together[row], alone, atol=1e-9, rtol=0)


def test_both_directions_have_read_the_whole_word() -> None:
    """Each half of the features equals a step-by-step LSTM that starts at its end and reads all characters."""
    torch.manual_seed(0)
    layer = CharBiLstm(9, 4, 3).double()
    word = torch.tensor([2, 7, 4, 5])
    features = layer(word[None], torch.tensor([4]))[0]
    for half, suffix, order in ((features[:3], "", word), (features[3:], "_reverse", word.flip(0))):
        hidden = memory = torch.zeros(3, dtype=torch.double)
        weight = {name: getattr(layer.lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh")}
        bias = getattr(layer.lstm, f"bias_ih_l0{suffix}") + getattr(layer.lstm, f"bias_hh_l0{suffix}")
        for char in order:
            gates = weight["weight_ih"] @ layer.embedding.weight[char] + weight["weight_hh"] @ hidden + bias
            i, f, c, o = torch.split(gates, 3)
            memory = f.sigmoid() * memory + i.sigmoid() * c.tanh()
            hidden = o.sigmoid() * memory.tanh()
        torch.testing.assert_close(half, hidden, atol=1e-9, rtol=0)
