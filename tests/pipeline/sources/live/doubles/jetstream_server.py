"""A local server that speaks Jetstream: replay from a cursor, live events, compression, and every kind of failure.

As a program it gives posts without end, for `tocsin up --source bluesky --source-url ...` by hand:

    python -m tests.pipeline.sources.live.doubles.jetstream_server --port 7777 --rate 5
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from pipeline.stopping import unless

POSTS = "app.bsky.feed.post"
_TEXTS = (
    "Magnitude 6.1 earthquake shakes Osaka, trains stop, no tsunami warning so far",
    "Lovely morning, coffee and a walk by the river with the dog",
    "Flooding in Jakarta: thousands leave their homes after a night of rain",
    "Does anyone know a good plumber who has time this week?",
    "Explosion at a chemical plant in Houston, residents told to stay inside",
    "Power outage in Karachi since three in the morning, hospitals on generators",
)


def event(
    number: int,
    text: str = "hello",
    *,
    time_us: int,
    operation: str = "create",
    langs: Sequence[str] = ("en",),
) -> bytes:
    """Return an event about the post of this number: `create`, `update` or `delete`."""
    commit: dict[str, Any] = {"rev": f"3r{number:011d}", "operation": operation, "collection": POSTS}
    commit["rkey"] = f"3k{number:011d}"
    if operation != "delete":
        created = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds")
        commit["record"] = {
            "$type": POSTS,
            "createdAt": created.replace("+00:00", "Z"),
            "langs": list(langs),
            "text": text,
        }
        commit["cid"] = f"bafyreib{number:051d}"
    did = f"did:plc:{number % 1000:024d}"
    return json.dumps({"did": did, "time_us": time_us, "kind": "commit", "commit": commit}).encode()


def identity(time_us: int) -> bytes:
    """Return an event that no filter of collections keeps away."""
    did = "did:plc:" + "a" * 24
    what = {"did": did, "handle": "someone.example", "seq": 1, "time": "2026-01-01T00:00:00.000Z"}
    return json.dumps({"did": did, "time_us": time_us, "kind": "identity", "identity": what}).encode()


@dataclass(frozen=True)
class Refusal:
    """An answer to a handshake that is no WebSocket."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def response(self) -> Response:
        """Return it as the library sends it."""
        headers = Headers([*self.headers, ("Content-Length", str(len(self.body))), ("Connection", "close")])
        return Response(self.status, "Refused", headers, self.body)


# Ends a connection in its own way.
Cut = Callable[[ServerConnection], object]


def abort(connection: ServerConnection) -> None:
    """End the TCP connection at once."""
    connection.transport.abort()


def half_frame(connection: ServerConnection) -> None:
    """Send the beginning of a frame of 5,000 bytes, and end the connection."""
    connection.transport.write(b"\x81\x7e\x13\x88" + b'{"did":"did:plc:half')
    connection.transport.close()


class _Connection(ServerConnection):
    """Counts pings, which the library answers by itself."""

    num_pings = 0

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.num_pings += 1
        super().process_event(event)


@dataclass
class JetstreamServer:
    """A server on a free loopback port; `async with` starts and stops it.

    Attributes:
        events: what it has, by rising time; `add` appends while it runs.
        refusals: answers to the next handshakes, instead of a connection.
        cuts: of the next connections: after how many events each is cut, and how; or the close code and its reason.
        queries: of all connections so far.
        compressions: the extensions that each asked for.
    """

    events: list[tuple[int, bytes]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    cuts: list[tuple[int, Cut | tuple[int, str]]] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    compressions: list[str] = field(default_factory=list)
    num_sent: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._more = asyncio.Condition()
        self._server: Server | None = None
        self._starts: dict[
            ServerConnection, int
        ] = {}  # the first event of each connection that is being made

    @property
    def url(self) -> str:
        """The address for TOCSIN_SOURCE_URL."""
        return f"ws://127.0.0.1:{self.port}/subscribe"

    @property
    def num_pings(self) -> int:
        """How many pings the present clients have sent."""
        assert self._server is not None
        return sum(getattr(connection, "num_pings", 0) for connection in self._server.connections)

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            process_request=self._check,
            compression="deflate",
            ping_interval=None,
            create_connection=_Connection,
            close_timeout=0.5,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def add(self, time_us: int, value: bytes) -> None:
        """Append an event, which every connection that is live gets."""
        async with self._more:
            self.events.append((time_us, value))
            self._more.notify_all()

    async def _wait_for(self, index: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: index < len(self.events))

    def freeze(self) -> None:
        """Read nothing more from any connection, and so answer no ping, as if the machine had lost its network."""
        assert self._server is not None
        for connection in self._server.connections:
            connection.transport.pause_reading()

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refusals:
            return self.refusals.pop(0).response()
        if urlsplit(request.path).path != "/subscribe":
            return Refusal(404, body=b"404 page not found").response()
        query = parse_qs(urlsplit(request.path).query)
        if not all(value.isdigit() for value in query.get("cursor", [])):
            return Refusal(400, body=b"invalid cursor").response()
        # What comes during the handshake belongs to the connection.
        cursor = query.get("cursor")
        self._starts[connection] = (
            len(self.events) if cursor is None else bisect_left(self.events, (int(cursor[0]), b""))
        )
        self.queries.append(query)
        self.compressions.append(request.headers.get("Sec-WebSocket-Extensions", ""))
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        index = self._starts.pop(connection)
        cut = self.cuts.pop(0) if self.cuts else None
        with suppress(ConnectionClosed):
            await unless(self._send(connection, index, cut), connection.wait_closed())

    async def _send(
        self, connection: ServerConnection, index: int, cut: tuple[int, Cut | tuple[int, str]] | None
    ) -> None:
        """Send all events from this index on, and those that come; or as many as there are before a cut."""
        for number in itertools.count():
            if cut is not None and number == cut[0]:
                await _end(connection, cut[1])
                return
            if index + number == len(self.events):
                await self._wait_for(index + number)
            await connection.send(self.events[index + number][1], text=True)
            self.num_sent += 1


async def _end(connection: ServerConnection, how: Any) -> None:
    if callable(how):
        how(connection)
    else:
        await connection.close(*how)


async def _run(port: int, rate: float, num_posts: int | None, *, waits: bool) -> None:
    server = JetstreamServer(port=port)
    async with server:
        print(f"Jetstream double at {server.url}: {rate:g} posts a second", flush=True)
        while waits and not server.queries:
            await asyncio.sleep(0.05)
        began = time.monotonic()
        for number in itertools.count() if num_posts is None else range(num_posts):
            time_us = time.time_ns() // 1000
            await server.add(
                time_us, event(number, f"{_TEXTS[number % len(_TEXTS)]} ({number})", time_us=time_us)
            )
            if (ahead := (number + 1) / rate - (time.monotonic() - began)) > 0.001:
                await asyncio.sleep(ahead)
        while server.num_sent < (num_posts or 0):
            await asyncio.sleep(0.05)
        print(f"{server.num_sent} posts sent in {time.monotonic() - began:.1f} s", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=5.0, help="posts a second")
    parser.add_argument("--posts", type=int, default=None, help="give so many posts, and then none")
    parser.add_argument("--wait", action="store_true", help="begin when the first client has connected")
    given = parser.parse_args()
    asyncio.run(_run(given.port, given.rate, given.posts, waits=given.wait))
