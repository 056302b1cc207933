"""Frames of Kafka's protocol: a request or an answer, with its length before it."""

from __future__ import annotations

import asyncio
import struct

_LENGTH = struct.Struct(">i")
# Far more than any frame has. The first bytes of a TLS client, read as a length, give more than this.
_MAX_LENGTH = 2**28


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next request or answer.

    Raises:
        asyncio.IncompleteReadError: the other side closed the connection.
        ConnectionAbortedError: the other side does not speak Kafka's protocol; it may speak TLS.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if not 0 <= length <= _MAX_LENGTH:
        raise ConnectionAbortedError(f"a frame of {length} bytes: not Kafka's protocol")
    return await reader.readexactly(length)


async def write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Send a request or an answer."""
    writer.writelines([_LENGTH.pack(len(frame)), frame])
    await writer.drain()
