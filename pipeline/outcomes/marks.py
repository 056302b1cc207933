"""Marks of outcomes, a hash and a time of each, and what is read of a record to make its mark.

A mark is 12 bytes of a hash: among a million outcomes two have the same mark with a probability of 10^-17.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque

import msgspec
from msgspec import Struct

_NUM_GENERATIONS = 8
_MARK_BYTES = 12


class _JudgedPost(Struct):
    text: str


class _JudgedRecord(Struct):
    """What the ledger reads of an abstention."""

    post: _JudgedPost


_DECODER = msgspec.json.Decoder(_JudgedRecord)


class Marks:
    """Holds marks and their times.

    Args:
        max_age_seconds: older marks do not count.
        max_marks: number of marks held; the oldest go first, an eighth at a time.
    """

    def __init__(self, *, max_age_seconds: float, max_marks: int) -> None:
        self._max_age_seconds = max_age_seconds
        self._max_marks = max_marks
        # Times (Unix time) by mark, in generations that are dropped as a whole: taking single entries from the front of
        # a dict gets slower with each.
        self._generations: deque[dict[int, int]] = deque([{}], maxlen=_NUM_GENERATIONS)

    def __len__(self) -> int:
        """Return the number of marks held."""
        return sum(map(len, self._generations))

    def __contains__(self, mark: int) -> bool:
        """Whether the mark is held and not too old."""
        oldest = time.time() - self._max_age_seconds
        return any(generation.get(mark, 0) > oldest for generation in self._generations)

    def add(self, mark: int, at: int) -> None:
        """Hold a mark of this Unix time."""
        if len(self._generations[-1]) >= self._max_marks // _NUM_GENERATIONS:
            self._generations.append({})  # drops the oldest generation
        self._generations[-1][mark] = at

    def discard(self, mark: int) -> None:
        """Forget the mark."""
        for generation in self._generations:
            generation.pop(mark, None)

    def clear(self) -> None:
        """Forget all marks."""
        self._generations = deque([{}], maxlen=_NUM_GENERATIONS)


def mark_of(key: bytes, text: str | None = None) -> int:
    """Return the mark of an alert on the post with this key or, with its text, of an abstention on that text."""
    if text is None:
        digest = hashlib.blake2b(key, digest_size=_MARK_BYTES)
    else:
        # Keyed by the id, so that no id and text run together into another pair.
        digest = hashlib.blake2b(text.encode(), digest_size=_MARK_BYTES, key=hashlib.blake2b(key).digest())
    return int.from_bytes(digest.digest())


def judged_text(value: bytes | None) -> str | None:
    """Return the text that an abstention judged; None if the record is a tombstone or not an abstention of ours."""
    if value is None:
        return None
    try:
        return _DECODER.decode(value).post.text
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
