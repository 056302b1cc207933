"""Waiting for a server that is away: how long between attempts, and what the log says of it."""

from __future__ import annotations

import logging
import random
import time

logger = logging.getLogger(__name__)

# An outage that follows the last one sooner than this is not told: a busy server would fill the log.
_QUIET_SECONDS = 30.0
_FIRST_BACKOFF_SECONDS = 0.1


class Outage:
    """Tells the first failure of an outage and the recovery, one line each, however many requests wait.

    Args:
        server: what is away, as it stands at the start of a sentence ("LLM server at http://...").
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._began: float | None = None
        self._is_told = False
        self._last_told = float("-inf")

    def begin(self, error: Exception) -> None:
        """Note a failure; only the first of an outage is told."""
        if self._began is not None:
            return
        self._began = time.monotonic()
        self._is_told = self._began - self._last_told >= _QUIET_SECONDS
        if self._is_told:
            self._last_told = self._began
            logger.warning("%s; trying again until it answers", error)

    def end(self) -> None:
        """Note a success; tells the recovery of an outage that was told."""
        if self._began is not None and self._is_told:
            logger.info("%s answers again after %.1f s", self._server, time.monotonic() - self._began)
        self._began = None


def backoff_seconds(attempt: int, *, max_seconds: float) -> float:
    """Return how long to wait after this attempt (from 0): doubling, bounded, with jitter."""
    longest = min(max_seconds, _FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, nothing secret
