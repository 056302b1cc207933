"""A door before the embedded broker that lets clients in as Apache Kafka would.

Every connection passes through here, byte for byte but for the few requests and answers that `kafka_translation` names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from pipeline.local.tansu.frames import read_frame, write_frame
from pipeline.local.tansu.sessions import KeptSessions
from pipeline.local.tansu.translation import Conversation


class CompatDoor:
    """Listens on a loopback port and passes every connection on to the broker's, until closed."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> int:
        """Listen on `port`, 0 for a free one; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End all connections and let nobody else in."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        sessions = KeptSessions(self._broker_port)
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            try:
                conversation = Conversation(sessions.keep)
                await _until_either_closes(
                    _pass_requests(reader, broker_writer, conversation, sessions),
                    _pass_answers(broker_reader, writer, conversation),
                )
            finally:
                await _close(broker_writer)
        except (OSError, asyncio.CancelledError):
            pass  # the broker is gone, or the door is closed: so is the connection
        finally:
            await sessions.close()
            await _close(writer)
            self._connections.discard(task)


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


async def _pass_requests(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    conversation: Conversation,
    sessions: KeptSessions,
) -> None:
    while True:
        frame = await read_frame(reader)
        sessions.heard()
        await write_frame(writer, conversation.request(frame))


async def _pass_answers(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conversation: Conversation
) -> None:
    while True:
        await write_frame(writer, conversation.answer(await read_frame(reader)))
