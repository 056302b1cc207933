"""Frames of Kafka's protocol: a request or an answer, with its length before it."""

from __future__ import annotations

import asyncio
import struct

_LENGTH = struct.Struct(">i")


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next request or answer.

    Raises:
        asyncio.IncompleteReadError: the other side closed the connection.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


async def write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Send a request or an answer."""
    writer.writelines([_LENGTH.pack(len(frame)), frame])
    await writer.drain()
