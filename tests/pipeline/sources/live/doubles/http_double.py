"""What the doubles over HTTP have in common: they note requests, and give prepared answers before their normal ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpDouble:
    """A server on the loopback.

    Attributes:
        url: where it answers, without a slash at the end.
        seen: the requests so far: path with query, and headers.
        prepared: answers by path; each is given once, before the normal ones.
    """

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.prepared: dict[str, deque[Answer]] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the normal answers."""
        return []

    def prepare(self, path: str, *answers: Answer) -> None:
        """Give these answers to the next requests of this path."""
        self.prepared.setdefault(path, deque()).extend(answers)

    def count(self, path: str) -> int:
        """Return how many requests there were for this path."""
        return sum(seen.partition("?")[0] == path for seen, _ in self.seen)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Run the server; gives its URL."""
        app = web.Application(middlewares=[self._note])
        app.add_routes(list(self.routes()))
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self.url
        finally:
            await runner.cleanup()

    async def run(self, port: int) -> None:
        """Run until the process is stopped."""
        async with self.running(port) as url:
            print(url, flush=True)
            await asyncio.Event().wait()

    @web.middleware
    async def _note(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.seen.append((request.path_qs, dict(request.headers)))
        if answers := self.prepared.get(request.path):
            return await answers.popleft()(request)
        return await handler(request)


def status(code: int, body: str = "", **headers: str) -> Answer:
    """Return an answer with this status; `_` in the names of headers stands for `-`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=body, headers=named)

    return answer


def html_page() -> Answer:
    """Return the page of a gateway: HTML with status 200."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html><body>Bad gateway</body></html>", content_type="text/html")

    return answer


def pieces(*parts: bytes, content_type: str, then: str = "drop") -> Answer:
    """Return a stream of these pieces.

    Args:
        then: "drop" breaks the connection, "end" ends the answer properly, "stall" says nothing more.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await start_stream(request, content_type)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0.01)  # so that each piece arrives alone
        if then == "stall":
            await asyncio.Event().wait()
        if then == "drop" and request.transport is not None:
            request.transport.abort()
        return response

    return answer


async def start_stream(request: web.Request, content_type: str) -> web.StreamResponse:
    """Return a chunked answer whose headers are sent."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.enable_chunked_encoding()
    await response.prepare(request)
    return response


class Listeners:
    """Who listens to a stream: each gets what is sent while it is connected, and nothing from before."""

    def __init__(self) -> None:
        self._requests: dict[web.StreamResponse, web.Request] = {}
        self._changed = asyncio.Event()

    async def listen(
        self, request: web.Request, content_type: str, greeting: bytes = b""
    ) -> web.StreamResponse:
        """Answer a request with all that is sent from now on."""
        response = await start_stream(request, content_type)
        await response.write(greeting)
        self._requests[response] = request
        self._changed.set()
        try:
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.05)
        finally:
            self._requests.pop(response, None)
        return response

    async def wait_for_one(self) -> None:
        """Return once somebody listens."""
        while not self._requests:
            self._changed.clear()
            await self._changed.wait()

    async def send(self, data: bytes) -> None:
        """Send to all that listen; waits for a slow one."""
        for response in list(self._requests):
            try:
                await response.write(data)
            except (ConnectionError, RuntimeError):
                self._requests.pop(response, None)

    def drop(self) -> None:
        """Break all connections."""
        requests, self._requests = self._requests, {}
        for request in requests.values():
            if request.transport is not None:
                request.transport.abort()
