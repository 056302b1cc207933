"""Reads a source as the runner does: again and again from its cursor, until enough has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from pipeline.errors import SourceUnavailableError
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost
from pipeline.sources.live.source import LiveSource


class Reader:
    """Collects what a source gives.

    Attributes:
        items: posts, deletions and bad posts, without what was skipped.
        cursor: of the last batch that had one.
        failures: why connections ended.
    """

    def __init__(self, source: LiveSource, cursor: str | None = None) -> None:
        self.source = source
        self.items: list[Reading] = []
        self.cursor = cursor
        self.failures: list[SourceUnavailableError] = []
        self.num_connections = 0

    @property
    def texts(self) -> list[str]:
        """The texts of the posts."""
        return [item.post.text for item in self.items if isinstance(item, ReadPost)]

    @property
    def deletions(self) -> list[str]:
        """The ids that were withdrawn."""
        return [item.id for item in self.items if isinstance(item, Deletion)]

    @property
    def bad(self) -> list[str]:
        """Why items are not posts."""
        return [str(item.error) for item in self.items if isinstance(item, BadPost)]

    async def until(self, is_done: Callable[[], bool]) -> None:
        """Read until it is done, over as many connections as that takes."""
        async with asyncio.timeout(20):
            while not is_done():
                await self._connect(is_done)
                await asyncio.sleep(0)

    async def until_end(self) -> None:
        """Read until the connection ends."""
        async with asyncio.timeout(20):
            await self._connect(lambda: False)

    async def _connect(self, is_done: Callable[[], bool]) -> None:
        is_first = True
        try:
            async with aclosing(self.source.read(self.cursor)) as batches:
                async for batch in batches:
                    self.num_connections += is_first
                    is_first = False
                    self.items += [
                        item for item in batch.items if isinstance(item, (ReadPost, Deletion, BadPost))
                    ]
                    self.cursor = batch.cursor or self.cursor
                    if is_done():
                        return
        except SourceUnavailableError as error:
            self.failures.append(error)
