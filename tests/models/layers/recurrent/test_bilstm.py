"""Our recurrence of the standard LSTM, compared with torch's."""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.layers.recurrent.bilstm import BiLstm
from models.layers.tokens import OwnFeatures


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("lengths", [[1], [4, 1, 6, 3], [2, 2]])
def test_states_without_gradients_are_those_with_them(lengths: list[int], num_layers: int) -> None:
    """Inference and training compute the same states in different ways; padding has zeros."""
    torch.manual_seed(0)
    layer = BiLstm(3, 5, num_layers).double()
    tokens = torch.randn(len(lengths), max(lengths), 3, dtype=torch.double)
    expected = layer(OwnFeatures(tokens), torch.tensor(lengths))
    with torch.no_grad():
        actual = layer(OwnFeatures(tokens), torch.tensor(lengths))
    torch.testing.assert_close(actual, expected.detach(), atol=1e-9, rtol=0)
    assert expected.requires_grad
    assert not actual[torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]].any()


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("lengths", [[1], [4, 1, 6, 3], [2, 2]])
def test_states_and_gradients_are_those_of_torch(lengths: list[int], num_layers: int) -> None:
    """Our recurrence and its backward pass agree with `nn.LSTM`, also with more padding than needed."""
    torch.manual_seed(0)
    layer = BiLstm(3, 5, num_layers).double()
    tokens = torch.randn(len(lengths), max(lengths) + 1, 3, dtype=torch.double, requires_grad=True)
    weights = torch.randn(len(lengths), max(lengths) + 1, 10, dtype=torch.double)

    def gradients(states: Tensor) -> list[Tensor]:
        layer.zero_grad()
        tokens.grad = None
        (states * weights).sum().backward()  # type: ignore[no-untyped-call]
        return [
            parameter.grad.clone()
            for parameter in (tokens, *layer.parameters())
            if parameter.grad is not None
        ]

    ours, reference = layer(OwnFeatures(tokens), torch.tensor(lengths)), _by_torch(layer, tokens, lengths)
    torch.testing.assert_close(ours, reference, atol=1e-9, rtol=0)
    torch.testing.assert_close(gradients(ours), gradients(reference), atol=1e-9, rtol=0)
    assert len(gradients(_by_torch(layer, tokens, lengths))) == 1 + 8 * num_layers


def _by_torch(layer: BiLstm, tokens: Tensor, lengths: list[int]) -> Tensor:
    packed = pack_padded_sequence(tokens, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    states: Tensor = pad_packed_sequence(
        layer.lstm(packed)[0], batch_first=True, total_length=tokens.shape[1]
    )[0]
    return states
