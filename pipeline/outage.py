"""Waiting for a server that is away: how long between attempts, and what the log says of it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import stamina

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

# An outage that follows the last one sooner than this is not told: a busy server would fill the log.
_QUIET_SECONDS = 30.0
_MAX_REASONS = 5  # of one outage
_FIRST_BACKOFF_SECONDS = 0.1


class Outage:
    """Tells what an outage is about and the recovery, a line each, however many requests wait.

    Args:
        server: what is away, as it stands at the start of a sentence ("LLM server at http://...").
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._began: float | None = None
        self._told: set[str] = set()  # in this outage
        self._last_told = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return self._began is not None

    @property
    def seconds(self) -> float:
        """How long the outage has lasted, 0 where there is none."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self) -> None:
        """Note that there is one; nothing is told yet."""
        if self._began is None:
            self._began = time.monotonic()
            self._told = set()

    def tell(self, error: Exception) -> None:
        """Log what the outage is about: each reason once, the first few."""
        reason, now = str(error), time.monotonic()
        is_news = reason not in self._told and len(self._told) < _MAX_REASONS
        if is_news and (self._told or now - self._last_told >= _QUIET_SECONDS):
            self._told.add(reason)
            self._last_told = now
            logger.warning("%s; trying again until it answers", reason)

    def end(self) -> None:
        """Note a success; tells the recovery of an outage that was told."""
        if self._began is not None and self._told:
            logger.info("%s answers again after %.1f s", self._server, time.monotonic() - self._began)
        self._began = None


def backoff_seconds(attempt: int, *, max_seconds: float) -> float:
    """Return how long to wait after this attempt (from 0): doubling, bounded, with jitter."""
    longest = min(max_seconds, _FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, nothing secret


async def until_it_works(
    attempt: Callable[[], Awaitable[_T]],
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    on_failure: Callable[[str], None],
) -> _T:
    """Return what `attempt` returns; while it raises one of `on`, report what it says and try again with back-off.

    The log has each reason once in a row: `/readyz` tells what is still so.
    """
    told = ""

    def is_expected(error: Exception) -> bool:
        nonlocal told
        if isinstance(error, on):
            on_failure(str(error))
            if str(error) != told:
                told = str(error)
                logger.warning("%s; trying again", error)
        return isinstance(error, on)

    async for retry in retries(is_expected, wait_max_seconds=15.0):
        with retry:
            return await attempt()
    raise AssertionError("retries never end by themselves")


def retries(is_expected: Callable[[Exception], bool], *, wait_max_seconds: float) -> AsyncIterator[Any]:
    """Yield attempts (stamina's), with back-off and jitter and without end, while `is_expected` says so."""
    return stamina.retry_context(
        on=is_expected, attempts=None, timeout=None, wait_initial=0.5, wait_max=wait_max_seconds
    )
