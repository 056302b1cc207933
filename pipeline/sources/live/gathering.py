"""Gathers what a connection brings into batches: what has come by the time that the last batch is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

MAX_ITEMS = 500
_MAX_BYTES = 8 * 2**20


async def in_batches(
    items: AsyncIterator[_T],
    size: Callable[[_T], int],
    *,
    max_items: int = MAX_ITEMS,
    max_bytes: int = _MAX_BYTES,
) -> AsyncGenerator[list[_T], None]:
    """Yield the items in lists, none of them empty, as they come; the first does not wait for a second.

    While a list is out, the next one is gathered up to the bounds, and then no further item is taken.

    Args:
        size: the bytes of an item.
        max_items: of one list; an item that goes beyond `max_bytes` is the last of its list.
    """
    buffer = _Buffer[_T](max_items, max_bytes)

    async def fill() -> None:
        try:
            async for item in items:
                await buffer.put(item, size(item))
        finally:
            buffer.end()

    filling = asyncio.create_task(fill())
    try:
        while gathered := await buffer.take():
            yield gathered
        await filling  # raises what ended it
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


class _Buffer(Generic[_T]):
    """A list that is taken as a whole."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: list[_T] = []
        self._num_bytes = 0
        self._has_ended = False
        self._has_some = asyncio.Event()
        self._has_room = asyncio.Event()

    async def put(self, item: _T, size: int) -> None:
        self._items.append(item)
        self._num_bytes += size
        self._has_some.set()
        if len(self._items) >= self._max_items or self._num_bytes >= self._max_bytes:
            self._has_room.clear()
            await self._has_room.wait()

    def end(self) -> None:
        self._has_ended = True
        self._has_some.set()

    async def take(self) -> list[_T]:
        """Return what was gathered, waiting for the first item; empty at the end."""
        await self._has_some.wait()
        items, self._items, self._num_bytes = self._items, [], 0
        self._has_room.set()
        if not self._has_ended:
            self._has_some.clear()
        return items
