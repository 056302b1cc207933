"""A door before a real broker that changes one thing in its answers: the error code of JoinGroup or SyncGroup.

So an agent meets refusals that a test could not bring a broker to. Everything else passes as it is.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from pipeline.local.apache_kafka import ApacheKafka

JOIN_GROUP, SYNC_GROUP = 11, 14
# From these versions on an answer begins with a throttle time.
_FIRST_THROTTLED = {JOIN_GROUP: 2, SYNC_GROUP: 1}
_LENGTH = struct.Struct(">i")
_REQUEST_HEAD = struct.Struct(">hhi")  # API key, version, correlation id


class MeddlingDoor:
    """Passes connections on to a broker; a code set for an API is what its answers then say.

    Args:
        port: where clients come.
        broker_port: where the broker listens.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.codes: dict[int, int] = {}
        self.num_changed = 0
        self._port = port
        self._broker_port = broker_port
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            pending: dict[int, tuple[int, int]] = {}
            ways = [
                asyncio.ensure_future(self._pass_requests(reader, broker_writer, pending)),
                asyncio.ensure_future(self._pass_answers(broker_reader, writer, pending)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                broker_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # the broker is gone, or the door is closed
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._connections.discard(task)

    async def _pass_requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pending: dict[int, tuple[int, int]],
    ) -> None:
        while True:
            frame = await _read_frame(reader)
            key, version, correlation_id = _REQUEST_HEAD.unpack_from(frame)
            if key in _FIRST_THROTTLED:
                pending[correlation_id] = (key, version)
            await _write_frame(writer, frame)

    async def _pass_answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pending: dict[int, tuple[int, int]],
    ) -> None:
        while True:
            frame = bytearray(await _read_frame(reader))
            key, version = pending.pop(_LENGTH.unpack_from(frame)[0], (-1, 0))
            if key in self.codes:
                position = 8 if version >= _FIRST_THROTTLED[key] else 4
                struct.pack_into(">h", frame, position, self.codes[key])
                self.num_changed += 1
            await _write_frame(writer, bytes(frame))


class KafkaBehindDoor(ApacheKafka):
    """A node that tells its clients the address of the door."""

    door_port = 0

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | {
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.door_port}"
        }


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


async def _write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(_LENGTH.pack(len(frame)) + frame)
    await writer.drain()
