"""The recurrence of the SynLSTM, with its own backward pass.

Autograd would record two dozen operations for each step. Here a step works in place on the projected inputs, and at
the end the gradient of each weight is one product over all steps.

Sentences are packed as in `packed_rows`. One call of sigmoid computes all six gates, also the two candidates c~ and s,
for which the paper has tanh: tanh(z) = 2 sigmoid(2 z) - 1. The caller has doubled the weights of these two.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.layers.recurrent.packed_rows import steps
from models.layers.tokens import Tokens


class SynLstmRecurrence(Function):
    """Runs both directions; the gates have the order c~, i, f, o, m, s (see `SynLstm`).

    Shapes:
        batch_sizes: number of rows of each step, never rising; their sum is N.
        words: (2, N, D); graph: (2, N, G).
        weight_words: (2, D, 4 H) of c~, i, f, o; weight_graph: (2, G, 4 H) of f, o, m, s.
        weight_hidden: (2, H, 6 H); bias: (2, 6 H).
        returns: (2, N, H) hidden states.
    """

    @staticmethod
    def forward(
        ctx: Any, batch_sizes: Sequence[int], words: Tensor, graph: Tensor, *weights: Tensor
    ) -> Tensor:
        weight_words, weight_graph, weight_hidden, bias = weights
        gates = _project(words, graph, weight_words, weight_graph, bias)
        memory, squashed, hidden = _advance(batch_sizes, gates, weight_hidden)
        ctx.batch_sizes = batch_sizes
        ctx.save_for_backward(words, graph, *weights[:3], gates, memory, squashed, hidden)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        words, graph, weight_words, weight_graph, weight_hidden, *states, hidden = ctx.saved_tensors
        grad_gates = _retrace(ctx.batch_sizes, grad_hidden, weight_hidden, *states)
        before = torch.cat([hidden[:, past] for _, past in steps(ctx.batch_sizes)], dim=1)
        after_first = grad_gates[:, ctx.batch_sizes[0] :]
        size = hidden.shape[-1]
        for_words, for_graph = grad_gates[..., : 4 * size], grad_gates[..., 2 * size :]
        return (
            None,
            torch.bmm(for_words, weight_words.mT),
            torch.bmm(for_graph, weight_graph.mT),
            torch.bmm(words.mT, for_words),
            torch.bmm(graph.mT, for_graph),
            torch.bmm(before.mT, after_first),
            grad_gates.sum(dim=1),
        )


def infer(
    batch_sizes: Sequence[int],
    words: Tokens,
    graph: Tensor,
    order: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
) -> Tensor:
    """Return the (2, N, H) hidden states, without gradients; `batch_sizes` and `order` are as in `packed_rows`."""
    weight_words, weight_graph, weight_hidden, bias = weights
    gates = bias.new_empty(2, order.shape[1], bias.shape[1])
    for_words, for_graph = weight_words.shape[2], weight_graph.shape[2]
    for side, rows in enumerate(gates):
        rows[:, :for_words] = words.project(weight_words[side], bias[side, :for_words], order[side])
        rows[:, for_words:] = bias[side, for_words:]
        rows[:, -for_graph:].addmm_(graph.flatten(0, 1)[order[side]], weight_graph[side])
    return _advance(batch_sizes, gates, weight_hidden)[2]


def _project(
    words: Tensor, graph: Tensor, weight_words: Tensor, weight_graph: Tensor, bias: Tensor
) -> Tensor:
    """Return the (2, N, 6 H) projected inputs of all gates and steps.

    The products for words and for the graph add to their gates in place.
    """
    gates = words.new_empty(*words.shape[:2], bias.shape[1])
    for_words = weight_words.shape[2]
    for direction in range(2):
        rows = gates[direction]
        rows.copy_(bias[direction])
        rows[:, :for_words].addmm_(words[direction], weight_words[direction])
        rows[:, -for_words:].addmm_(graph[direction], weight_graph[direction])
    return gates


def _advance(
    batch_sizes: Sequence[int], gates: Tensor, weight_hidden: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn projected inputs into gate values in place; returns c, sigmoid(2 c) and h, each (2, N, H)."""
    size = weight_hidden.shape[1]
    memory, squashed, hidden = gates.new_empty(3, *gates.shape[:2], size)
    for rows, past in steps(batch_sizes):
        now, c, q, h = gates[:, rows], memory[:, rows], squashed[:, rows], hidden[:, rows]
        if rows.start:
            now.baddbmm_(hidden[:, past], weight_hidden)
        now.sigmoid_()
        candidate, i, f, o, m, s = torch.split(now, size, dim=-1)
        # c = i (2 c~ - 1) + m (2 s - 1), and from the second step on + f c.
        torch.mul(i, candidate, out=c).addcmul_(m, s).mul_(2).sub_(i).sub_(m)
        if rows.start:
            c.addcmul_(f, memory[:, past])
        torch.mul(c, 2, out=q).sigmoid_()
        torch.mul(o, q, out=h).mul_(2).sub_(o)
    return memory, squashed, hidden


def _retrace(
    batch_sizes: Sequence[int],
    grad_hidden: Tensor,
    weight_hidden: Tensor,
    gates: Tensor,
    memory: Tensor,
    squashed: Tensor,
) -> Tensor:
    """Return the (2, N, 6 H) gradient of the projected inputs; goes from the last step to the first."""
    values = gates.view(*gates.shape[:2], 6, -1)
    grad_gates = torch.empty_like(values)
    back = weight_hidden.mT
    # A shorter sentence has no gradient from the steps after its end, so it starts with zeros.
    of_hidden, of_memory = memory.new_zeros(2, 2, batch_sizes[0], memory.shape[-1])
    for rows, past in reversed(list(steps(batch_sizes))):
        now, q, grad = values[:, rows], squashed[:, rows], grad_gates[:, rows]
        to_hidden, to_memory = of_hidden[:, : q.shape[1]], of_memory[:, : q.shape[1]]
        f, o = now[:, :, 2], now[:, :, 3]
        to_hidden += grad_hidden[:, rows]
        # h = o (2 q - 1) with q = sigmoid(2 c).
        to_memory.addcmul_(to_hidden, o * q * (1 - q), value=4)
        before = memory[:, past] if rows.start else torch.zeros_like(q)
        torch.mul(_slopes(now, before), to_memory[:, :, None], out=grad)
        # The output gate is the only one that does not act through the memory.
        torch.mul(to_hidden * o * (1 - o), 2 * q - 1, out=grad[:, :, 3])
        to_hidden.copy_(torch.bmm(grad.flatten(-2), back))
        to_memory *= f
    return grad_gates.flatten(-2)


def _slopes(values: Tensor, before: Tensor) -> Tensor:
    """Return the (2, B, 6, H) derivatives of c by the projected input of each gate; ignore that of the output gate."""
    slopes = values * (1 - values)
    candidate, i, _, _, m, s = values.unbind(2)
    slopes[:, :, 0].mul_(i).mul_(2)
    slopes[:, :, 1].mul_(2 * candidate - 1)
    slopes[:, :, 2].mul_(before)
    slopes[:, :, 4].mul_(2 * s - 1)
    slopes[:, :, 5].mul_(m).mul_(2)
    return slopes
