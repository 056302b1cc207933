"""`/metrics`, `/livez` and `/readyz` of one process, served from a thread so that a stuck event loop shows.

`/readyz` answers with the state of `pipeline.monitor.readiness` as JSON, with status 200 if ready and 503 if not:
`{"ready": false, "state": "connecting", "reason": "..."}`.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import ThreadingWSGIServer

from pipeline.errors import SettingsError
from pipeline.monitor.probes import build_probe_app
from pipeline.monitor.readiness import Readiness

# The event loop beats every second; a batch never blocks it, so this long without a beat is a fault.
_MAX_BEAT_AGE_SECONDS = 15.0


class Health:
    """What the probes ask: is the event loop turning, does work get on, and can the agent work."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        self.readiness = readiness or Readiness()
        self._last_beat = time.monotonic()
        self._stall = ""

    def stalled(self, problem: str) -> None:
        """Note what the watchdog found; an empty string when it is over."""
        self._stall = problem

    async def beat(self) -> None:
        """Keep the liveness probe content for as long as the event loop turns; never returns."""
        while True:
            self._last_beat = time.monotonic()
            await asyncio.sleep(1.0)

    def why_not_alive(self) -> str:
        """Return what is wrong with the process, or an empty string."""
        age = time.monotonic() - self._last_beat
        return f"event loop stuck for {age:.0f} s" if age > _MAX_BEAT_AGE_SECONDS else self._stall


class HealthServer:
    """Serves metrics and probes until closed; `port` is the one that was bound, `url` how it is reached.

    The address family follows the address: `::` is every address of both, and a name that has one of each is its IPv4.

    Raises:
        SettingsError: the address or the port cannot be used.
    """

    def __init__(self, health: Health, registry: CollectorRegistry, *, host: str, port: int) -> None:
        host = host or "0.0.0.0"  # noqa: S104 - as sockets have it
        try:
            self._server = make_server(
                host,
                port,
                build_probe_app(health.why_not_alive, lambda: health.readiness.status, registry),
                _SERVERS[_family_of(host)],
                handler_class=_QuietHandler,
            )
        except OSError as error:
            raise SettingsError([f"metrics_host={host!r}, metrics_port={port}: {error.strerror}"]) from error
        self.port = int(self._server.server_port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()


def _family_of(host: str) -> socket.AddressFamily:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    families = {family for family, *_ in found}
    return socket.AF_INET if socket.AF_INET in families else socket.AF_INET6


class _Ipv6Server(ThreadingWSGIServer):
    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        # So that probes which ask 127.0.0.1 find `::`, whatever the machine's default is.
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


_SERVERS = {socket.AF_INET: ThreadingWSGIServer, socket.AF_INET6: _Ipv6Server}


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: scrapes come every few seconds."""
