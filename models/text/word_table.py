"""Remembers the features of words that do not depend on their neighbours."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from torch import Tensor

Word = TypeVar("Word", str, int)

MAX_WORDS = 20_000
"""How many words are kept, in 8 to 16 MB. A full table starts anew, which slows one batch in hundreds."""


class WordTable(Generic[Word]):
    """Remembers the features that `read` computes for a word, for a network whose weights no longer change.

    It pays because most words of a stream have occurred shortly before. Threads may share it.

    Args:
        read: computes the (N, D) features of N distinct words.
        max_words: how many words are kept.
    """

    def __init__(self, read: Callable[[Sequence[Word]], Tensor], max_words: int = MAX_WORDS) -> None:
        self._read: Callable[[Sequence[Word]], Tensor] = read
        self._max_words = max_words
        self._rows: dict[Word, int] = {}
        self._features: Tensor | None = None
        self._lock = Lock()

    def look_up(self, words: Sequence[Word]) -> Tensor:
        """Return the (N, D) features of N distinct words."""
        with self._lock:
            missing = [word for word in words if word not in self._rows]
            if len(self._rows) + len(missing) > self._max_words:
                self._rows, self._features, missing = {}, None, list(words)
            features = self._add(missing)
            rows = [self._rows[word] for word in words]
        # Outside the lock, because a row never changes once it is written; other threads add rows or start a new table.
        return features[rows]

    def _add(self, words: Sequence[Word]) -> Tensor:
        if words:
            read = self._read(words)
            start, end = len(self._rows), len(self._rows) + len(words)
            if self._features is None:
                # A call with more than `max_words` words gets a table for exactly these.
                self._features = read.new_zeros(max(self._max_words, len(words)), read.shape[1])
            self._features[start:end] = read
            self._rows.update(zip(words, range(start, end), strict=True))
        assert self._features is not None, "a call without words"
        return self._features
