"""Makes topics again that are gone: the broker came back without its data, or a topic was deleted."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from pipeline.errors import BrokerUnavailableError, KafkaAccessError

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 2.0


class TopicKeeper:
    """Makes all topics again after one was found missing.

    Args:
        make_topics: makes those that do not exist.
        on_lost: called if a topic is gone for sure.
    """

    def __init__(
        self, make_topics: Callable[[], Awaitable[None]], on_lost: Callable[[], None] = lambda: None
    ) -> None:
        self._make_topics = make_topics
        self._on_lost = on_lost
        self._is_missing = False
        self._next_attempt = 0.0

    def note_missing(self) -> None:
        """Note that a topic is, or may be, missing."""
        self._is_missing = True

    def note_lost(self) -> None:
        """Note that a topic is gone, and perhaps all that the broker knew."""
        self._is_missing = True
        self._on_lost()

    async def remake_missing(self) -> bool:
        """Make the topics if one is missing and the last attempt is some seconds old; returns whether it did."""
        now = time.monotonic()
        if not self._is_missing or now < self._next_attempt:
            return False
        self._next_attempt = now + _PAUSE_SECONDS
        try:
            await self._make_topics()
        except (BrokerUnavailableError, KafkaAccessError) as error:
            logger.warning("%s; trying again", error)
            return False
        self._is_missing = False
        return True
