"""Character features of spellings read before, for a network whose weights no longer change."""

from collections.abc import Callable

import torch
from torch import Tensor

MAX_SPELLINGS = 20_000
"""Spellings kept, about 16 MB; when there is no room the cache starts anew, which costs one batch in hundreds."""


class SpellingCache:
    """Remembers what `read` says of each spelling; threads may share it.

    Most spellings of a stream have been read shortly before. Without this the character LSTM takes a seventh
    of the time of variant F.
    """

    def __init__(self, read: Callable[[Tensor, Tensor], Tensor], max_spellings: int = MAX_SPELLINGS) -> None:
        self._read = read
        self._max_spellings = max_spellings
        self._known: dict[bytes, Tensor] = {}

    def __call__(self, chars: Tensor, lengths: Tensor) -> Tensor:
        """(U, H) features of (U, C) spellings with (U,) real characters, all on the CPU."""
        keys = [row[:end].tobytes() for row, end in zip(chars.numpy(), lengths.tolist(), strict=True)]
        # Another thread may start the cache anew: this call goes on with the one it has.
        known = self._known
        features = [known.get(key) for key in keys]
        missing = [place for place, row in enumerate(features) if row is None]
        if missing:
            if len(known) + len(missing) > self._max_spellings:
                self._known = known = {}
            longest = int(lengths[missing].max())
            for place, row in zip(
                missing, self._read(chars[missing, :longest], lengths[missing]), strict=True
            ):
                features[place] = known[keys[place]] = row
        return torch.stack([row for row in features if row is not None])
