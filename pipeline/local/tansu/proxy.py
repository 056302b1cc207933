"""A proxy in front of Tansu, so that clients find what they know from Apache Kafka.

Every request and answer passes unchanged, except the few that `translation.py` names.
"""

from __future__ import annotations

from pipeline.local.tansu.relay import Relay
from pipeline.local.tansu.sessions import KeptSessions
from pipeline.local.tansu.translation import Conversation


class TansuProxy(Relay):
    """Listens on a loopback port and passes every connection on to Tansu's, until closed."""

    def __init__(self, broker_port: int) -> None:
        super().__init__(broker_port, lambda: _Connection(broker_port))


class _Connection:
    """One client: its conversation with Tansu, and its sessions there."""

    def __init__(self, broker_port: int) -> None:
        self._sessions = KeptSessions(broker_port)
        self._conversation = Conversation(self._sessions.keep)

    def request(self, frame: bytes) -> bytes:
        """Return what Tansu gets."""
        self._sessions.heard()
        return self._conversation.request(frame)

    def answer(self, frame: bytes) -> bytes:
        """Return what the client gets."""
        return self._conversation.answer(frame)

    async def close(self) -> None:
        """Let the client's sessions end."""
        await self._sessions.close()
