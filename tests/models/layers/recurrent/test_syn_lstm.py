"""The fast SynLSTM, compared with its equations."""

from functools import partial

import pytest
import torch
from torch import Tensor

from models.layers.recurrent.syn_lstm import SynLstm
from models.layers.recurrent.syn_lstm_recurrence import SynLstmRecurrence
from models.layers.tokens import OwnFeatures


def step_by_step(layer: SynLstm, words: Tensor, graph: Tensor, direction: int) -> Tensor:
    """Hidden states of one sentence, (T, H), by Xu et al. (2021), eq. 3-8 and the two that follow."""
    size = layer.weight_hidden.shape[1]
    hidden = memory = words.new_zeros(size)
    states = {}
    for t in range(len(words)) if direction == 0 else reversed(range(len(words))):
        candidate, i, f, o = torch.split(words[t] @ layer.weight_words[direction], size)
        f2, o2, m, s = torch.split(graph[t] @ layer.weight_graph[direction], size)
        inputs = torch.cat([candidate, i, f + f2, o + o2, m, s])
        gates = inputs + hidden @ layer.weight_hidden[direction] + layer.bias[direction]
        candidate, i, f, o, m, s = torch.split(gates, size)
        memory = f.sigmoid() * memory + i.sigmoid() * candidate.tanh() + m.sigmoid() * s.tanh()
        hidden = o.sigmoid() * memory.tanh()
        states[t] = hidden
    return torch.stack([states[t] for t in range(len(words))])


def both_directions(layer: SynLstm, words: Tensor, graph: Tensor, lengths: list[int]) -> Tensor:
    """(B, T, 2 H), each sentence by itself, zero on padding."""
    rows = []
    for row, length in enumerate(lengths):
        parts = [step_by_step(layer, words[row, :length], graph[row, :length], side) for side in (0, 1)]
        rows.append(torch.nn.functional.pad(torch.cat(parts, dim=1), (0, 0, 0, words.shape[1] - length)))
    return torch.stack(rows)


def run(layer: SynLstm, words: Tensor, graph: Tensor, lengths: Tensor) -> Tensor:
    states: Tensor = layer(OwnFeatures(words), graph, lengths)
    return states


LENGTHS = [4, 1, 6, 3]


@pytest.fixture
def layer() -> SynLstm:
    torch.manual_seed(0)
    return SynLstm(5, 3, 4).double()


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return (
        torch.randn(4, 6, 5, dtype=torch.double, requires_grad=True),
        torch.randn(4, 6, 3, dtype=torch.double, requires_grad=True),
    )


def test_states_follow_the_equations(layer: SynLstm, inputs: tuple[Tensor, Tensor]) -> None:
    """The batched layer gives what the equations give, step by step, in both directions."""
    actual = run(layer, *inputs, torch.tensor(LENGTHS))
    torch.testing.assert_close(actual, both_directions(layer, *inputs, LENGTHS), atol=1e-9, rtol=0)


@torch.no_grad()
def test_states_without_gradients_follow_the_equations(layer: SynLstm, inputs: tuple[Tensor, Tensor]) -> None:
    """Inference computes the inputs of the gates in another way, but the states are the same."""
    actual = run(layer, *inputs, torch.tensor(LENGTHS))
    torch.testing.assert_close(actual, both_directions(layer, *inputs, LENGTHS), atol=1e-9, rtol=0)


def test_gradients_follow_the_equations(layer: SynLstm, inputs: tuple[Tensor, Tensor]) -> None:
    """The written-out backward pass gives autograd's gradients of the equations, for inputs and weights."""
    weight = torch.randn(4, 6, 8, dtype=torch.double)
    wanted = [*inputs, *layer.parameters()]
    actual = torch.autograd.grad((run(layer, *inputs, torch.tensor(LENGTHS)) * weight).sum(), wanted)
    expected = torch.autograd.grad((both_directions(layer, *inputs, LENGTHS) * weight).sum(), wanted)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


@pytest.mark.parametrize("batch_sizes", [[1], [3], [1, 1, 1], [3, 2, 2, 1]])
def test_recurrence_passes_gradcheck(batch_sizes: list[int]) -> None:
    """The backward pass agrees with finite differences for several lengths."""
    torch.manual_seed(0)
    num_rows = sum(batch_sizes)
    shapes = [(2, num_rows, 3), (2, num_rows, 2), (2, 3, 8), (2, 2, 8), (2, 2, 12), (2, 12)]
    arguments = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(partial(SynLstmRecurrence.apply, batch_sizes), arguments)


def test_values_on_padding_do_not_matter(layer: SynLstm, inputs: tuple[Tensor, Tensor]) -> None:
    """The states of real tokens do not depend on the padding, and the states of padding are zero."""
    lengths = torch.tensor(LENGTHS)
    padding = torch.arange(6) >= lengths[:, None]
    words, graph = (part.masked_fill(padding[..., None], 1e3) for part in inputs)
    states = run(layer, words, graph, lengths)
    torch.testing.assert_close(states, run(layer, *inputs, lengths), atol=1e-12, rtol=0)
    assert not states[padding].any()
