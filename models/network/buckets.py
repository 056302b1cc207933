"""Texts of like length put together, so that little of what the network sees is padding."""

from collections.abc import Sequence

MAX_PADDED_SHARE = 1.24
"""Padded tokens a real token, over all buckets of a call."""

_SEARCH_STEPS = 12


def bucket_by_length(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group indices of `lengths`, longest first, into few buckets of at most `max_tokens` padded tokens.

    Over all buckets padded tokens are at most `MAX_PADDED_SHARE` times the real ones. Each bucket may waste
    equally much: a few tokens beside many short texts cost as little as beside one long text. A single text
    longer than `max_tokens` is a bucket of its own.
    """
    if not lengths:
        return []
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    ordered = [lengths[index] for index in order]
    allowed = (MAX_PADDED_SHARE - 1) * sum(lengths)
    # The largest waste a bucket that keeps the total within bounds; zero always does.
    low, high = 0.0, allowed
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2
        is_within = _total_waste(ordered, _cut(ordered, max_tokens, middle)) <= allowed
        low, high = (middle, high) if is_within else (low, middle)
    cuts = _cut(ordered, max_tokens, low)
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], len(order)], strict=True)]


def _cut(ordered: Sequence[int], max_tokens: int, max_waste: float) -> list[int]:
    """Where buckets begin in the falling lengths, if each may hold `max_waste` padding tokens."""
    starts: list[int] = []
    longest = waste = size = 0
    for position, length in enumerate(ordered):
        waste, size = waste + longest - length, size + 1
        if not starts or waste > max_waste or longest * size > max_tokens:
            starts.append(position)
            longest, waste, size = length, 0, 1
    return starts


def _total_waste(ordered: Sequence[int], starts: Sequence[int]) -> int:
    ends = [*starts[1:], len(ordered)]
    padded = sum(ordered[start] * (end - start) for start, end in zip(starts, ends, strict=True))
    return padded - sum(ordered)
