"""`/metrics`, `/livez` and `/readyz` of one process, served from a thread so that a stuck event loop shows.

`/readyz` answers with the state of `pipeline.readiness` as JSON: `{"ready": false, "state": "connecting", "reason":
"..."}`, with status 200 if ready and 503 if not.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from pipeline.errors import SettingsError
from pipeline.readiness import Readiness

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
    """Serves metrics and probes until closed; `port` is the one that was bound."""

    def __init__(self, health: Health, registry: CollectorRegistry, *, host: str, port: int) -> None:
        try:
            self._server = make_server(
                host,
                port,
                _build_wsgi_app(health, registry),
                ThreadingWSGIServer,
                handler_class=_QuietHandler,
            )
        except OSError as error:
            raise SettingsError([f"metrics_host={host!r}, metrics_port={port}: {error.strerror}"]) from error
        self.port = int(self._server.server_port)
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: scrapes come every few seconds."""


def _build_wsgi_app(health: Health, registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    metrics_app = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics_app(environ, start_response)
            return answer
        if path == "/livez":
            return _answer_probe(health.why_not_alive(), start_response)
        if path == "/readyz":
            return _answer_readiness(health.readiness, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics, /livez or /readyz\n"]

    return app


def _answer_readiness(readiness: Readiness, start_response: Callable[..., Any]) -> list[bytes]:
    status = readiness.status
    start_response(_status_line(status.is_ready), [("Content-Type", "application/json")])
    document = {"ready": status.is_ready, "state": status.state, "reason": status.reason}
    return [orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)]


def _status_line(is_well: bool) -> str:
    return "200 OK" if is_well else "503 Service Unavailable"


def _answer_probe(problem: str, start_response: Callable[..., Any]) -> list[bytes]:
    start_response(_status_line(not problem), [("Content-Type", "text/plain")])
    return [f"{problem or 'ok'}\n".encode()]
