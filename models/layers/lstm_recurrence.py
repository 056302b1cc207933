"""The steps of a plain LSTM through time on a CPU, with a backward pass of their own.

`nn.LSTM` records two dozen operations a step there, and adds up the gradient of its weights step by step. Here both
directions advance in place, and what is left for the end is one product over all steps. Without a backward pass
nothing is kept. Sentences are packed and gates squashed as in `syn_lstm_recurrence`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from models.layers.packed_rows import steps


class LstmRecurrence(Function):
    """Runs both directions; gates in torch's order i, f, c~, o.

    Shapes:
        batch_sizes: rows of each step, falling; N in all.
        inputs: (2, N, D) what each row reads.
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
    """Hidden states of both directions, without a backward pass; overwrites `gates`.

    Shapes:
        batch_sizes: rows of each step, falling; N in all.
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
    """Turn projected inputs into gate values, in place, c~ into sigmoid(2 c~); returns h, (2, N, H).

    `memory` and `squashed` receive c and sigmoid(2 c): of all rows where they have N, else of the last step.
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
        # i (2 c~ - 1), and from the second step on + f c.
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
    """(2, N, 4 H) gradient of the projected inputs, from the last step to the first.

    Args:
        grad_hidden: (2, N, H); weight_hidden: (2, H, 4 H).
        states: gate values, (2, N, 4 H); c of the step before, of the rows after the first step, and sigmoid(2 c) of
            all, (2, N, H).
    """
    gates, memory_before, squashed = states
    i, f, candidate, o = gates.view(*gates.shape[:2], 4, -1).unbind(2)
    # What the steps multiply with does not depend on one another: computed for all at once.
    slopes = (gates * (1 - gates)).view(*gates.shape[:2], 4, -1)
    slopes[:, :, 0].mul_(2 * candidate - 1)
    slopes[:, batch_sizes[0] :, 1].mul_(memory_before)
    slopes[:, : batch_sizes[0], 1] = 0
    slopes[:, :, 2].mul_(i).mul_(4)
    slopes[:, :, 3].mul_(2 * squashed - 1)
    to_memory_slopes = 4 * o * squashed * (1 - squashed)  # h = o (2 q - 1) with q = sigmoid(2 c)
    back = weight_hidden.mT
    # Sentences that end earlier join in with zeros.
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
