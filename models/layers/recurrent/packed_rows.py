"""Sentences packed as torch packs them, without padding, for both directions at once.

The sentences are sorted, longest first. The rows are the first words of all sentences, then the second words, and so
on. Step t reads the next `batch_sizes[t]` rows; a sentence that has ended has no row there.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor


def pack_both_ways(lengths: Tensor, num_tokens: int) -> tuple[list[int], Tensor]:
    """Return the number of rows of each step, and the order of the tokens.

    The order is (2, N): the token `b * T + t` that each row reads, forwards and backwards.

    Args:
        lengths: (B,) number of real tokens of each sentence.
        num_tokens: T.
    """
    longest_first, sentences = lengths.sort(descending=True, stable=True)
    steps = torch.arange(int(longest_first[0]))[:, None]
    is_real = steps < longest_first
    starts = sentences * num_tokens
    forwards, backwards = starts + steps, starts + longest_first - 1 - steps
    return is_real.sum(dim=1).tolist(), torch.stack([forwards[is_real], backwards[is_real]])


def take(inputs: Tensor, order: Tensor) -> Tensor:
    """Return (B, T, D) inputs as (2, N, D) rows in the order of the steps."""
    return inputs.flatten(0, 1).index_select(0, order.flatten()).view(2, -1, inputs.shape[-1])


def put(states: Tensor, order: Tensor, batch_size: int, num_tokens: int) -> Tensor:
    """Return the (2, N, H) states of the steps as (B, T, 2 H): both directions side by side, zero on padding."""
    both = states.new_zeros(batch_size * num_tokens, 2, states.shape[-1])
    for side in range(2):
        both[:, side].index_copy_(0, order[side], states[side])
    return both.view(batch_size, num_tokens, -1)


def steps(batch_sizes: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Yield the rows of each step, and those rows of the step before whose sentences continue in it."""
    starts = [0, *accumulate(batch_sizes)]
    for t, size in enumerate(batch_sizes):
        past = slice(starts[t - 1], starts[t - 1] + size) if t else slice(0, 0)
        yield slice(starts[t], starts[t] + size), past
