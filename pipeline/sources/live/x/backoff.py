"""How long X wants a client of its streams to wait.

https://docs.x.com/x-api/fundamentals/handling-disconnections: at once after a connection that worked; then by 250 ms
more each time after failures of the network, up to 16 s; doubled from 5 s up to 320 s after an HTTP status; doubled
from one minute after the status 429, unless X says when its limit ends.
"""

from __future__ import annotations

from pipeline.errors import SourceUnavailableError
from pipeline.sources.live.http.site import StatusUnavailableError

_NETWORK_STEP, _NETWORK_MAX = 0.25, 16.0
_STATUS_FIRST, _STATUS_MAX = 5.0, 320.0
_LIMIT_FIRST, _LIMIT_MAX = 60.0, 960.0


class Backoff:
    """Counts the failures since the last connection that worked."""

    def __init__(self) -> None:
        self._num_failures = 0

    def reset(self) -> None:
        """Note that X has sent something."""
        self._num_failures = 0

    def seconds(self, error: SourceUnavailableError) -> float:
        """Return how long to wait after this failure."""
        number, self._num_failures = self._num_failures, self._num_failures + 1
        if error.is_rate_limit:
            exponential = min(_LIMIT_FIRST * 2.0 ** min(number, 10), _LIMIT_MAX)
            return exponential if error.retry_after is None else error.retry_after
        if isinstance(error, StatusUnavailableError):
            exponential = min(_STATUS_FIRST * 2.0 ** min(number, 10), _STATUS_MAX)
            return max(exponential, error.retry_after or 0.0)
        return min(_NETWORK_STEP * number, _NETWORK_MAX)
