"""Keeps alive the sessions of group members whose session at the embedded broker is shorter than they asked for.

A client sends heartbeats as its own session needs them: every 3 s by default, every 5 s and more while it works on a
record. The broker knows only a shorter session (`translation.py` says why). So heartbeats are sent in the client's name
for as long as the client is connected and has sent something within its own session.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiokafka.protocol.types import Int16, Int32, String

from pipeline.local.tansu.frames import read_frame, write_frame
from pipeline.local.tansu.translation import Member

_INTERVAL_SECONDS = 1.0
_HEARTBEAT_KEY = 12
_UNKNOWN_MEMBER_ID = 25
# Older than every generation: the broker notes that the member lives, and only the client itself hears of a rebalance.
_NO_GENERATION = -1


class KeptSessions:
    """The group members of one connection."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._members: set[Member] = set()
        self._last_heard = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def heard(self) -> None:
        """Note that the client has sent something."""
        self._last_heard = time.monotonic()

    def keep(self, member: Member) -> None:
        """Keep the member's session alive from now on."""
        self._members.add(member)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Let all sessions end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _beat(self) -> None:
        with suppress(OSError, EOFError):  # the broker is gone, and so are its groups
            reader, writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            try:
                while self._members:
                    for member in list(self._members):
                        if await self._is_over(member, reader, writer):
                            self._members.discard(member)
                    await asyncio.sleep(_INTERVAL_SECONDS)
            finally:
                writer.close()

    async def _is_over(
        self, member: Member, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if time.monotonic() - self._last_heard > member.session_seconds:
            return True
        await write_frame(writer, _heartbeat(member))
        answer = await read_frame(reader)
        return int.from_bytes(answer[4:6]) == _UNKNOWN_MEMBER_ID  # it left its group or was removed from it


def _heartbeat(member: Member) -> bytes:
    text = String("utf-8")
    head = Int16.encode(_HEARTBEAT_KEY) + Int16.encode(0) + Int32.encode(0) + text.encode("tocsin-door")
    body = text.encode(member.group) + Int32.encode(_NO_GENERATION) + text.encode(member.member_id)
    return bytes(head + body)
