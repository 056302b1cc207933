"""What is known of a word without its neighbours, remembered from call to call."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from torch import Tensor

Word = TypeVar("Word", str, int)

MAX_WORDS = 20_000
"""Words kept, 8 to 16 MB; when there is no room the table starts anew, which costs one batch in hundreds."""


class WordTable(Generic[Word]):
    """Remembers the features that `read` gives a word, for a network whose weights no longer change.

    Threads may share it. Most words of a stream have been met shortly before.

    Args:
        read: (N, D) features of N distinct words.
    """

    def __init__(self, read: Callable[[Sequence[Word]], Tensor], max_words: int = MAX_WORDS) -> None:
        self._read: Callable[[Sequence[Word]], Tensor] = read
        self._max_words = max_words
        self._rows: dict[Word, int] = {}
        self._features: Tensor | None = None
        self._lock = Lock()

    def look_up(self, words: Sequence[Word]) -> Tensor:
        """(N, D) features of N distinct words."""
        with self._lock:
            missing = [word for word in words if word not in self._rows]
            if len(self._rows) + len(missing) > self._max_words:
                self._rows, self._features, missing = {}, None, list(words)
            features = self._add(missing)
            rows = [self._rows[word] for word in words]
        # Rows once written never change: another thread may meanwhile add some, or start a new table.
        return features[rows]

    def _add(self, words: Sequence[Word]) -> Tensor:
        if words:
            read = self._read(words)
            start, end = len(self._rows), len(self._rows) + len(words)
            if self._features is None:
                # A call with more words than are kept gets a table as large as itself.
                self._features = read.new_zeros(max(self._max_words, len(words)), read.shape[1])
            self._features[start:end] = read
            self._rows.update(zip(words, range(start, end), strict=True))
        assert self._features is not None, "a call without words"
        return self._features
