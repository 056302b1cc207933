"""When a score has stopped rising."""

import math
from collections.abc import Sequence


class Patience:
    """Watches one score, and reports when it has not risen for long enough.

    Args:
        num_epochs: how many epochs without a rise to wait; 0 waits for ever.
        min_rise: a smaller rise over the best score does not count.
    """

    def __init__(self, num_epochs: int, min_rise: float) -> None:
        self._num_epochs = num_epochs
        self._min_rise = min_rise
        self._best = -math.inf
        self._num_waited = 0

    def is_over(self, score: float) -> bool:
        """Take the next epoch's score; return whether patience is over, in which case it begins anew."""
        if score > self._best + self._min_rise:
            self._best = score
            self._num_waited = 0
            return False
        self._num_waited += 1
        if not self._num_epochs or self._num_waited < self._num_epochs:
            return False
        self._num_waited = 0
        return True

    def state(self) -> list[float | int]:
        """Return what it remembers, for `restore`."""
        return [self._best, self._num_waited]

    def restore(self, state: Sequence[float | int]) -> None:
        """Go on from what `state` returned."""
        best, num_waited = state
        self._best, self._num_waited = float(best), int(num_waited)
