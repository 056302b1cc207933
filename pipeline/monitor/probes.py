"""What `/metrics`, `/livez` and `/readyz` answer: a WSGI app. GET and HEAD alone, on every path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app

from pipeline.monitor.readiness import Status

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_TEXT = ("Content-Type", "text/plain; charset=utf-8")


def build_probe_app(
    why_not_alive: Callable[[], str], readiness: Callable[[], Status], registry: CollectorRegistry
) -> WsgiApp:
    """Return the app that tells of one process.

    Args:
        why_not_alive: what is wrong with it, or an empty string; asked from any thread, as is `readiness`.
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
    """Return an app that answers HEAD as `get` answers GET, without the body, and refuses all else."""

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


def _answer_probe(problem: str, start_response: StartResponse) -> list[bytes]:
    start_response(_status_line(not problem), [_TEXT])
    return [f"{problem or 'ok'}\n".encode()]


def _status_line(is_well: bool) -> str:
    return "200 OK" if is_well else "503 Service Unavailable"
