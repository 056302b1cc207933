"""Waiting for a server that is away: the time between attempts, and the log lines about the outage."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import stamina

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

# An outage that begins sooner than this after the last logged one is not logged: a busy server would fill the log.
_QUIET_SECONDS = 30.0
_MAX_REASONS = 5  # lines about one outage
_FIRST_BACKOFF_SECONDS = 0.1


class Outage:
    """Logs the reasons of an outage and the recovery, one line each, however many requests wait.

    Args:
        server: what is away, as at the start of a sentence ("LLM server at http://...").
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._began: float | None = None
        self._reported: set[str] = set()  # reasons of this outage that were logged
        self._last_report = float("-inf")

    @property
    def seconds(self) -> float:
        """How long the outage has lasted; 0 if there is none."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self) -> None:
        """Note that an outage has begun; this logs nothing."""
        if self._began is None:
            self._began = time.monotonic()
            self._reported = set()

    def report(self, error: Exception) -> None:
        """Log a reason of the outage: each reason once, and only the first few."""
        reason, now = str(error), time.monotonic()
        is_news = reason not in self._reported and len(self._reported) < _MAX_REASONS
        if is_news and (self._reported or now - self._last_report >= _QUIET_SECONDS):
            self._reported.add(reason)
            self._last_report = now
            logger.warning("%s; trying again until it answers", reason)

    def end(self) -> None:
        """Note a success; if the outage was logged, log the recovery."""
        if self._began is not None and self._reported:
            logger.info("%s answers again after %.1f s", self._server, time.monotonic() - self._began)
        self._began = None


async def until_it_works(
    attempt: Callable[[], Awaitable[_T]],
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    on_failure: Callable[[str], None],
) -> _T:
    """Return what `attempt` returns. While it raises one of `on`, call `on_failure` with the text and try again.

    The log has each reason once in a row, because `/readyz` shows what is still true.
    """
    reported = ""

    def is_expected(error: Exception) -> bool:
        nonlocal reported
        if not isinstance(error, on):
            return False
        on_failure(str(error))
        if str(error) != reported:
            reported = str(error)
            logger.warning("%s; trying again", error)
        return True

    return await endless_retries(15.0)(is_expected, attempt)


def endless_retries(wait_max_seconds: float) -> stamina.AsyncRetryingCaller:
    """Return what calls an async function again and again, with back-off and jitter, without a limit of attempts."""
    return stamina.AsyncRetryingCaller(
        attempts=None,
        timeout=None,
        wait_initial=0.5,
        wait_max=wait_max_seconds,
        wait_jitter=1.0,
    )


def retries(is_expected: Callable[[Exception], bool], *, wait_max_seconds: float) -> AsyncIterator[Any]:
    """Yield stamina's attempts, with back-off and jitter and without a limit, for a block instead of a function."""
    return stamina.retry_context(
        on=is_expected, attempts=None, timeout=None, wait_initial=0.5, wait_max=wait_max_seconds
    )


def backoff_seconds(attempt: int, *, max_seconds: float) -> float:
    """Return how long to wait after this attempt (from 0): doubling, bounded, with jitter."""
    # stamina's own waits have no jitter once they reach their maximum: what failed together is tried again together.
    # It also cannot say when to ask next, which callers that do not let it wait want to know.
    longest = min(max_seconds, _FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
