"""The recurrence of a standard LSTM on a CPU, with its own backward pass.

On a CPU `nn.LSTM` records two dozen operations for each step, and adds up the gradient of its weights step by step.
Here both directions advance in place, and one product over all steps gives the gradient of the weights at the end.
If no gradients are needed, nothing is kept of a step. Sentences are packed, and gates computed, as in
`syn_lstm_recurrence`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.layers.recurrent.packed_rows import steps


class LstmRecurrence(Function):
    """Runs both directions; the gates have torch's order i, f, c~, o.

    Shapes:
        batch_sizes: number of rows of each step, never rising; their sum is N.
        inputs: (2, N, D) input of each row.
        weight_input: (2, D, 4 H); weight_hidden: (2, H, 4 H); bias: (2, 4 H).
        returns: (2, N, H) hidden states.
    """

    @staticmethod
    def forward(
        ctx: Any,
        batch_sizes: Sequence[int],
        inputs: Tensor,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias: Tensor,
    ) -> Tensor:
        gates = torch.baddbmm(bias[:, None], inputs, weight_input)
        memory, squashed = gates.new_empty(2, 2, gates.shape[1], weight_hidden.shape[1])
        hidden = _advance(batch_sizes, gates, weight_hidden.unbind(), memory=memory, squashed=squashed)
        ctx.batch_sizes = batch_sizes
        ctx.save_for_backward(inputs, weight_input, weight_hidden, gates, memory, squashed, hidden)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight_input, weight_hidden, gates, memory, squashed, hidden = ctx.saved_tensors
        before = [past for _, past in steps(ctx.batch_sizes)]
        memory_before, hidden_before = (
            torch.cat([states[:, past] for past in before], dim=1) for states in (memory, hidden)
        )
        grad_gates = _retrace(ctx.batch_sizes, grad_hidden, weight_hidden, (gates, memory_before, squashed))
        after_first = grad_gates[:, ctx.batch_sizes[0] :]
        return (
            None,
            torch.bmm(grad_gates, weight_input.mT),
            torch.bmm(inputs.mT, grad_gates),
            torch.bmm(hidden_before.mT, after_first),
            grad_gates.sum(dim=1),
        )


def run_lstm(batch_sizes: Sequence[int], gates: Tensor, weights_hidden: Sequence[Tensor]) -> Tensor:
    """Return the hidden states of both directions, without a backward pass; overwrites `gates`.

    Shapes:
        batch_sizes: number of rows of each step, never rising; their sum is N.
        gates: (2, N, 4 H) projected inputs with their biases, in the order i, f, c~, o.
        weights_hidden: (H, 4 H) of each direction.
        returns: (2, N, H).
    """
    memory, squashed = gates.new_empty(2, 2, batch_sizes[0], gates.shape[2] // 4)
    return _advance(batch_sizes, gates, weights_hidden, memory=memory, squashed=squashed)


def _advance(
    batch_sizes: Sequence[int],
    gates: Tensor,
    weights_hidden: Sequence[Tensor],
    *,
    memory: Tensor,
    squashed: Tensor,
) -> Tensor:
    """Turn projected inputs into gate values in place, with sigmoid(2 c~) for c~, and return h, (2, N, H).

    `memory` and `squashed` receive c and sigmoid(2 c). If they have N rows, they keep all of them; otherwise they
    keep those of the last step.
    """
    keeps_all = memory.shape[1] == gates.shape[1]
    hidden = gates.new_empty(*gates.shape[:2], memory.shape[2])
    for rows, past in steps(batch_sizes):
        now, h = gates[:, rows], hidden[:, rows]
        here, before = (rows, past) if keeps_all else (slice(now.shape[1]),) * 2
        c, q = memory[:, here], squashed[:, here]
        if rows.start:
            for side, weight in enumerate(weights_hidden):
                now[side].addmm_(hidden[side, past], weight)
        i, f, candidate, o = torch.split(now, memory.shape[2], dim=-1)
        candidate.mul_(2)
        now.sigmoid_()
        # c = i (2 c~ - 1), and from the second step on + f c.
        if rows.start:
            torch.mul(f, memory[:, before], out=c).sub_(i).addcmul_(i, candidate, value=2)
        else:
            torch.mul(i, candidate, out=c).mul_(2).sub_(i)
        torch.mul(c, 2, out=q).sigmoid_()
        torch.mul(o, q, out=h).mul_(2).sub_(o)
    return hidden


def _retrace(
    batch_sizes: Sequence[int],
    grad_hidden: Tensor,
    weight_hidden: Tensor,
    states: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """Return the (2, N, 4 H) gradient of the projected inputs; goes from the last step to the first.

    Args:
        grad_hidden: (2, N, H); weight_hidden: (2, H, 4 H).
        states: the gate values, (2, N, 4 H); c of the step before, for the rows after the first step; and
            sigmoid(2 c), (2, N, H).
    """
    gates, memory_before, squashed = states
    i, f, candidate, o = gates.view(*gates.shape[:2], 4, -1).unbind(2)
    # The factors of the steps do not depend on one another, so they are computed for all steps at once.
    slopes = (gates * (1 - gates)).view(*gates.shape[:2], 4, -1)
    slopes[:, :, 0].mul_(2 * candidate - 1)
    slopes[:, batch_sizes[0] :, 1].mul_(memory_before)
    slopes[:, : batch_sizes[0], 1] = 0
    slopes[:, :, 2].mul_(i).mul_(4)
    slopes[:, :, 3].mul_(2 * squashed - 1)
    to_memory_slopes = 4 * o * squashed * (1 - squashed)  # h = o (2 q - 1) with q = sigmoid(2 c)
    back = weight_hidden.mT
    # A shorter sentence has no gradient from the steps after its end, so it starts with zeros.
    of_hidden, of_memory = squashed.new_zeros(2, 2, batch_sizes[0], squashed.shape[-1])
    for rows, _ in reversed(list(steps(batch_sizes))):
        size = rows.stop - rows.start
        to_hidden, to_memory, grad = of_hidden[:, :size], of_memory[:, :size], slopes[:, rows]
        to_hidden += grad_hidden[:, rows]
        to_memory.addcmul_(to_hidden, to_memory_slopes[:, rows])
        grad[:, :, :3].mul_(to_memory[:, :, None])
        grad[:, :, 3].mul_(to_hidden)
        to_hidden.copy_(torch.bmm(grad.flatten(-2), back))
        to_memory.mul_(f[:, rows])
    return slopes.flatten(-2)
