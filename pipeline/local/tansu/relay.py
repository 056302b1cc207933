"""Passes Kafka connections on to a broker of this machine, and lets a translator change single requests and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from pipeline.local.tansu.frames import read_frame, write_frame

_HOST = "127.0.0.1"


class Translator(Protocol):
    """Turns the requests and answers of one connection into those that the other side gets."""

    def request(self, frame: bytes) -> bytes:
        """Return what the broker gets."""

    def answer(self, frame: bytes) -> bytes:
        """Return what the client gets."""

    async def close(self) -> None:
        """End: the connection is closed."""


class Relay:
    """Listens on a loopback port and passes every connection on to the broker's port, until closed.

    Args:
        translator: makes the translator of a connection.
    """

    def __init__(self, broker_port: int, translator: Callable[[], Translator]) -> None:
        self._broker_port = broker_port
        self._translator = translator
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> int:
        """Listen on `port`, 0 for a free one; returns the port."""
        self._server = await asyncio.start_server(self._serve, _HOST, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End all connections, and accept no more."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        translator = self._translator()
        try:
            broker_reader, broker_writer = await asyncio.open_connection(_HOST, self._broker_port)
            try:
                await _until_either_closes(
                    _pass(reader, broker_writer, translator.request),
                    _pass(broker_reader, writer, translator.answer),
                )
            finally:
                await _close(broker_writer)
        except (OSError, asyncio.CancelledError):
            pass  # the broker is gone or the relay is closed, so the connection ends
        finally:
            await translator.close()
            await _close(writer)
            self._connections.discard(task)


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, translate: Callable[[bytes], bytes]
) -> None:
    while True:
        await write_frame(writer, translate(await read_frame(reader)))


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _until_either_closes(*work: Coroutine[Any, Any, None]) -> None:
    ways = [asyncio.ensure_future(way) for way in work]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
