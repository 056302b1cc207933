"""A proxy in front of a real broker that changes one thing in its answers: the error code of JoinGroup or SyncGroup.

So an agent meets refusals that a test could not provoke. Everything else passes unchanged.
"""

from __future__ import annotations

import struct
from types import TracebackType
from typing import Self

from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.tansu.relay import Relay

JOIN_GROUP, SYNC_GROUP = 11, 14
# From these versions on an answer begins with a throttle time.
_FIRST_THROTTLED = {JOIN_GROUP: 2, SYNC_GROUP: 1}
_CORRELATION_ID = struct.Struct(">i")
_REQUEST_HEAD = struct.Struct(">hhi")  # API key, version, correlation id


class MeddlingProxy:
    """Passes connections on to a broker; answers of an API whose code is set have that error code.

    Args:
        port: the port that clients connect to.
        broker_port: the port on which the broker listens.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.codes: dict[int, int] = {}
        self.num_changed = 0
        self._port = port
        self._relay = Relay(broker_port, lambda: _Meddler(self))

    async def __aenter__(self) -> Self:
        await self._relay.open(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._relay.close()


class _Meddler:
    """Changes the answers of one connection."""

    def __init__(self, proxy: MeddlingProxy) -> None:
        self._proxy = proxy
        self._pending: dict[int, tuple[int, int]] = {}  # API key and version, by correlation id

    def request(self, frame: bytes) -> bytes:
        key, version, correlation_id = _REQUEST_HEAD.unpack_from(frame)
        if key in _FIRST_THROTTLED:
            self._pending[correlation_id] = (key, version)
        return frame

    def answer(self, frame: bytes) -> bytes:
        key, version = self._pending.pop(_CORRELATION_ID.unpack_from(frame)[0], (-1, 0))
        if key not in self._proxy.codes:
            return frame
        changed = bytearray(frame)
        position = 8 if version >= _FIRST_THROTTLED[key] else 4
        struct.pack_into(">h", changed, position, self._proxy.codes[key])
        self._proxy.num_changed += 1
        return bytes(changed)

    async def close(self) -> None:
        """Nothing to close."""


class KafkaBehindProxy(ApacheKafka):
    """A node that gives its clients the address of the proxy."""

    proxy_port = 0

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | {
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.proxy_port}"
        }
