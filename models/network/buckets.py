"""Puts texts of similar length together, so that the network reads little padding."""

from collections.abc import Sequence

MAX_PADDED_SHARE = 1.24
"""Tokens with padding, divided by real tokens, over all buckets of a call."""

_SEARCH_STEPS = 12


def bucket_by_length(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group the indices of `lengths`, longest first, into few buckets.

    A bucket has at most `max_tokens` tokens, padding included; a longer text gets its own bucket. All buckets
    together have at most `MAX_PADDED_SHARE` times as many tokens as the texts. The same amount of padding is allowed
    in each bucket, because a token of padding costs the same beside short and long texts.
    """
    if not lengths:
        return []
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    ordered = [lengths[index] for index in order]
    allowed = (MAX_PADDED_SHARE - 1) * sum(lengths)
    # Search for the largest padding of a bucket with which the total is still allowed. No padding always is.
    low, high = 0.0, allowed
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2
        is_within = _total_waste(ordered, _cut(ordered, max_tokens, middle)) <= allowed
        low, high = (middle, high) if is_within else (low, middle)
    cuts = _cut(ordered, max_tokens, low)
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], len(order)], strict=True)]


def _cut(ordered: Sequence[int], max_tokens: int, max_waste: float) -> list[int]:
    """Where buckets begin in the falling lengths if each may hold `max_waste` tokens of padding."""
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
