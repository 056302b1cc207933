"""A door before the embedded broker that lets older releases of librdkafka in.

Tansu ends its list of API versions with tagged fields of default value, which Apache Kafka leaves out. librdkafka
2.0 (in Debian 12's kcat) misreads the length of a tagged field and gives up. So every connection passes through
here, byte for byte but for that one answer, which loses these fields.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

_API_VERSIONS_KEY = 18
_FIRST_TAGGED_VERSION = 3
_LENGTH = struct.Struct(">i")
_REQUEST_HEAD = struct.Struct(">hhi")  # API key, version, correlation id
_CORRELATION_ID = struct.Struct(">i")
_ENTRY_BYTES = 7  # API key, lowest and highest version, no tagged fields
_ERROR = struct.Struct(">h")
_THROTTLE_BYTES = 4


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
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            try:
                await _pass_both_ways(reader, writer, broker_reader, broker_writer)
            finally:
                await _close(broker_writer)
        except (OSError, asyncio.CancelledError):
            pass  # the broker is gone, or the door is closed: so is the connection
        finally:
            await _close(writer)
            self._connections.discard(task)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _pass_both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    broker_reader: asyncio.StreamReader,
    broker_writer: asyncio.StreamWriter,
) -> None:
    """Return when either side closes."""
    pending: set[int] = set()
    ways = [
        asyncio.ensure_future(_pass_requests(reader, broker_writer, pending)),
        asyncio.ensure_future(_pass_responses(broker_reader, writer, pending)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pass_requests(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pending: set[int]
) -> None:
    """Pass requests on; the correlation ids of those whose answer must be changed go to `pending`."""
    while True:
        frame = await _read_frame(reader)
        key, version, correlation_id = _REQUEST_HEAD.unpack_from(frame)
        if key == _API_VERSIONS_KEY and version >= _FIRST_TAGGED_VERSION:
            pending.add(correlation_id)
        await _write_frame(writer, frame)


async def _pass_responses(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pending: set[int]
) -> None:
    while True:
        frame = await _read_frame(reader)
        (correlation_id,) = _CORRELATION_ID.unpack_from(frame)
        if correlation_id in pending:
            pending.discard(correlation_id)
            frame = without_tagged_fields(frame)
        await _write_frame(writer, frame)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


async def _write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.writelines([_LENGTH.pack(len(frame)), frame])
    await writer.drain()


def without_tagged_fields(answer: bytes) -> bytes:
    """Return an ApiVersions answer (version 3 or later) with an empty section of tagged fields at its end."""
    (error,) = _ERROR.unpack_from(answer, _CORRELATION_ID.size)
    if error:
        # UNSUPPORTED_VERSION comes in the form of version 0, which has no tagged fields.
        return answer
    position = _CORRELATION_ID.size + _ERROR.size
    num_entries, position = _read_unsigned_varint(answer, position)
    # A compact array counts one more than it has.
    position += (num_entries - 1) * _ENTRY_BYTES + _THROTTLE_BYTES
    return answer[:position] + b"\x00"


def _read_unsigned_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position` and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
