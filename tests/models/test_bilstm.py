"""The standard LSTM's own steps against torch's."""

import pytest
import torch

from models.bilstm import BiLstm
from models.tokens import OwnFeatures


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("lengths", [[1], [4, 1, 6, 3], [2, 2]])
def test_states_without_gradients_are_those_with_them(lengths: list[int], num_layers: int) -> None:
    """Inference takes other steps than training and comes to the same states, zero on padding."""
    torch.manual_seed(0)
    layer = BiLstm(3, 5, num_layers).double()
    tokens = torch.randn(len(lengths), max(lengths), 3, dtype=torch.double)
    expected = layer(OwnFeatures(tokens), torch.tensor(lengths))
    with torch.no_grad():
        actual = layer(OwnFeatures(tokens), torch.tensor(lengths))
    torch.testing.assert_close(actual, expected.detach(), atol=1e-9, rtol=0)
    assert expected.requires_grad
    assert not actual[torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]].any()
