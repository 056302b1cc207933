"""Batches of what comes, within bounds."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from pipeline.sources.live.gathering import in_batches


async def _give(*items: bytes, error: Exception | None = None) -> AsyncGenerator[bytes, None]:
    for item in items:
        yield item
    if error is not None:
        raise error


async def test_everything_comes_once_in_order_and_then_the_error() -> None:
    """What came before a connection failed is not lost with it."""
    items, batches = [b"%d" % n for n in range(1_000)], list[list[bytes]]()

    async def collect() -> None:
        async for batch in in_batches(_give(*items, error=ConnectionError()), len):
            batches.append(batch)

    with pytest.raises(ConnectionError):
        await collect()
    assert [item for batch in batches for item in batch] == items
    assert max(map(len, batches)) <= 500
    assert all(batches)


async def test_an_item_that_comes_alone_is_not_kept_back() -> None:
    """A quiet stream gives each post at once."""
    more = asyncio.Event()

    async def quiet() -> AsyncGenerator[bytes, None]:
        yield b"1"
        await more.wait()
        yield b"2"

    batches = in_batches(quiet(), len)
    assert await anext(batches) == [b"1"]
    more.set()
    assert await anext(batches) == [b"2"]
    with pytest.raises(StopAsyncIteration):
        await anext(batches)


@pytest.mark.parametrize(("max_items", "max_bytes"), [(10, 10**9), (10**9, 50)])
async def test_nothing_is_taken_beyond_the_bounds_while_a_batch_is_out(
    max_items: int, max_bytes: int
) -> None:
    """The source waits for the consumer: its memory is that of two batches."""
    num_given = 0

    async def flood() -> AsyncGenerator[bytes, None]:
        nonlocal num_given
        while True:
            num_given += 1
            yield b"12345"

    batches = in_batches(flood(), len, max_items=max_items, max_bytes=max_bytes)
    assert len(await anext(batches)) == 10
    for _ in range(100):
        await asyncio.sleep(0)
    assert num_given <= 20
    await batches.aclose()


async def test_a_consumer_that_stops_closes_the_source() -> None:
    """The connection behind it is not left open."""
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"1"
                await asyncio.sleep(0)
        finally:
            closed.set()

    batches = in_batches(endless(), len)
    await anext(batches)
    await batches.aclose()
    async with asyncio.timeout(10):
        await closed.wait()
