"""Counts the posts that have an outcome, while a scenario runs."""

from __future__ import annotations

import asyncio

from tests.chaos.kafka_log import OUTCOMES, follow_log


class OutcomeCounter:
    """Follows the outcome topics; a scenario waits by this count, and no balance uses it."""

    def __init__(self) -> None:
        self._keys: set[bytes | None] = set()
        self._grown = asyncio.Condition()

    async def run(self, brokers: str) -> None:
        """Follow the topics; never returns."""
        async for record in follow_log(brokers, OUTCOMES):
            if record.key not in self._keys:
                self._keys.add(record.key)
                async with self._grown:
                    self._grown.notify_all()

    @property
    def number(self) -> int:
        """Keys that have an outcome."""
        return len(self._keys)

    async def until(self, number: int) -> None:
        """Return once this many keys have an outcome."""
        async with self._grown:
            await self._grown.wait_for(lambda: self.number >= number)
