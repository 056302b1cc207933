"""Texts of like length put together."""

from hypothesis import given
from hypothesis import strategies as st

from models.network.buckets import MAX_PADDED_SHARE, bucket_by_length


@given(st.lists(st.integers(1, 200), max_size=80), st.integers(1, 500))
def test_buckets_hold_everything_once_with_little_padding(lengths: list[int], max_tokens: int) -> None:
    """Every index is in one bucket; padding and size stay within bounds, single long texts excepted."""
    buckets = bucket_by_length(lengths, max_tokens)
    assert sorted(index for bucket in buckets for index in bucket) == list(range(len(lengths)))
    padded = [max(lengths[index] for index in bucket) * len(bucket) for bucket in buckets]
    assert sum(padded) <= MAX_PADDED_SHARE * sum(lengths)
    assert all(size <= max_tokens or len(bucket) == 1 for size, bucket in zip(padded, buckets, strict=True))


def test_buckets_are_few() -> None:
    """Texts of all lengths up to 40 need a handful of buckets, and equal texts need one."""
    assert len(bucket_by_length(list(range(1, 41)) * 6, 4096)) <= 6
    assert len(bucket_by_length([7] * 100, 4096)) == 1
    assert bucket_by_length([], 4096) == []
