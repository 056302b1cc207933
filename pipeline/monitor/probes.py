"""Serves `/metrics`, `/livez` and `/readyz` of one process, from a thread, so that a stuck event loop shows.

`/readyz` answers with the state of `pipeline.monitor.readiness` as JSON, with status 200 if ready and 503 if not:
`{"ready": false, "state": "connecting", "reason": "..."}`. Every path answers GET and HEAD only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from pipeline.errors import SettingsError
from pipeline.monitor.health import Health
from pipeline.monitor.readiness import Status
from pipeline.settings import assignment

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class ProbeServer:
    """Serves metrics and probes until closed. `port` is the bound port, `url` the address to reach it by.

    The address family follows the address. `::` stands for all addresses of both families, and a name with addresses
    of both stands for its IPv4 address.

    Raises:
        SettingsError: the address or the port cannot be used.
    """

    def __init__(self, health: Health, registry: CollectorRegistry, *, host: str, port: int) -> None:
        host = host or "0.0.0.0"  # noqa: S104 - what an empty address means to sockets
        try:
            self._server = make_server(
                host,
                port,
                _build_app(health.why_not_alive, lambda: health.readiness.status, registry),
                _SERVERS[_family_of(host)],
                handler_class=_QuietHandler,
            )
        except OSError as error:
            where = f"{assignment('metrics_host', host)}, {assignment('metrics_port', port)}"
            raise SettingsError([f"{where}: {error.strerror}"]) from error
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
        # Probes that ask 127.0.0.1 must reach `::`, whatever the machine's default is.
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


_SERVERS = {socket.AF_INET: ThreadingWSGIServer, socket.AF_INET6: _Ipv6Server}


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: scrapes come every few seconds."""


def _build_app(
    why_not_alive: Callable[[], str | None], readiness: Callable[[], Status], registry: CollectorRegistry
) -> WsgiApp:
    """Return the WSGI app that answers for one process.

    Args:
        why_not_alive: returns what is wrong with the process, or None. It is called from any thread, like `readiness`.
    """
    metrics_app = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            text: Iterable[bytes] = metrics_app(environ, start_response)
            return text
        if path == "/livez":
            return _answer_probe(why_not_alive(), start_response)
        if path == "/readyz":
            return _answer_readiness(readiness(), start_response)
        start_response("404 Not Found", [_TEXT])
        return [b"/metrics, /livez or /readyz\n"]

    return _for_get_and_head(answer)


def _for_get_and_head(get: WsgiApp) -> WsgiApp:
    """Return an app that answers HEAD like GET without the body, and refuses all other methods."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method == "HEAD":
            return _answer_head(get, environ, start_response)
        if method == "GET":
            return get(environ, start_response)
        start_response("405 Method Not Allowed", [_TEXT, ("Allow", "GET, HEAD")])
        return [b"GET or HEAD\n"]

    return app


def _answer_head(get: WsgiApp, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    started: list[Any] = []
    body = get(environ | {"REQUEST_METHOD": "GET"}, lambda *arguments: started.extend(arguments))
    status, headers = started
    start_response(status, [*headers, ("Content-Length", str(sum(map(len, body))))])
    return []


def _answer_readiness(status: Status, start_response: StartResponse) -> list[bytes]:
    start_response(_status_line(status.is_ready), [("Content-Type", "application/json")])
    document = {"ready": status.is_ready, "state": status.state, "reason": status.reason}
    return [orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)]


def _answer_probe(problem: str | None, start_response: StartResponse) -> list[bytes]:
    start_response(_status_line(not problem), [_TEXT])
    return [f"{problem or 'ok'}\n".encode()]


def _status_line(is_well: bool) -> str:
    return "200 OK" if is_well else "503 Service Unavailable"
