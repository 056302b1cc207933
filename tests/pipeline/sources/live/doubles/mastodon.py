"""A double of a Mastodon instance: streaming and REST API with a token, as docs.joinmastodon.org describes them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.pipeline.sources.live.doubles.http_double import HttpDouble, Listeners

TOKEN = "mastodon-secret-token"
_FIRST_ID = 115_000_000_000_000_000  # milliseconds since 1970, shifted by 16 bits
_MAX_KEPT_RATE = 1_000  # posts a second; what comes faster is not kept for the REST API
_EVENT_STREAM = "text/event-stream"


class MastodonDouble(HttpDouble):
    """An instance whose posts are made by `post`, `edit` and `delete`.

    Attributes:
        requests_left: what `X-RateLimit-Remaining` begins with.
        streaming_host: what the instance names as the host of its streaming API; empty: itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[dict[str, Any]] = []
        self.listeners = Listeners()
        self.requests_left = 300
        self.streaming_host = ""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the API."""
        streams = ("public", "public/local", "public/remote", "hashtag", "hashtag/local")
        return [
            web.get("/api/v2/instance", self._instance),
            web.get("/api/v1/timelines/public", self._timeline),
            web.get("/api/v1/timelines/tag/{tag}", self._timeline),
            *(web.get(f"/api/v1/streaming/{stream}", self._stream) for stream in streams),
        ]

    async def post(self, text: str, **fields: Any) -> dict[str, Any]:
        """Publish a status with this HTML; returns it."""
        status = make_status(len(self.statuses), text, **fields)
        self.statuses.append(status)
        await self.listeners.send(event("update", json.dumps(status)))
        return status

    async def edit(self, status: dict[str, Any], text: str) -> None:
        """Change a status."""
        status |= {"content": text, "edited_at": "2026-11-30T12:30:00.000Z"}
        await self.listeners.send(event("status.update", json.dumps(status)))

    async def delete(self, status: dict[str, Any]) -> None:
        """Delete a status."""
        self.statuses.remove(status)
        await self.listeners.send(event("delete", status["id"]))

    async def _instance(self, request: web.Request) -> web.Response:
        host = self.streaming_host or self.url.removeprefix("http://")
        return web.json_response({"configuration": {"urls": {"streaming": f"ws://{host}"}}})

    async def _timeline(self, request: web.Request) -> web.Response:
        if refusal := _refusal(request):
            return refusal
        self.requests_left -= 1
        min_id, limit = int(request.query.get("min_id", "0")), int(request.query.get("limit", "20"))
        later = [status for status in self.statuses if int(status["id"]) > min_id]
        headers = {
            "X-RateLimit-Remaining": str(self.requests_left),
            "X-RateLimit-Reset": "2020-01-01T00:00:00Z",
        }
        return web.json_response(later[:limit][::-1], headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if refusal := _refusal(request):
            return refusal
        return await self.listeners.listen(request, _EVENT_STREAM, b":)\n")


def make_status(number: int, content: str, **fields: Any) -> dict[str, Any]:
    """Return a status; the documentation's example has these fields and more."""
    status_id = str(_FIRST_ID + (number << 16))
    uri = f"https://example.social/users/desk/statuses/{status_id}"
    return {
        "id": status_id,
        "created_at": "2026-11-30T12:00:00.000Z",
        "in_reply_to_id": None,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "uri": uri,
        "url": uri,
        "edited_at": None,
        "content": content,
        "reblog": None,
        "account": {"id": "1", "username": "desk", "acct": "desk", "display_name": "Desk", "bot": False},
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": None,
        **fields,
    }


def event(name: str, payload: str) -> bytes:
    """Return an event of the stream."""
    return f"event: {name}\ndata: {payload}\n\n".encode()


def _refusal(request: web.Request) -> web.Response | None:
    if request.headers.get("Authorization") == f"Bearer {TOKEN}":
        return None
    return web.json_response({"error": "The access token is invalid"}, status=401)


async def _flood(double: MastodonDouble, rate: int, seconds: float) -> None:
    """Post at this rate, once somebody listens; says how many were posted."""
    await double.listeners.wait_for_one()
    loop = asyncio.get_running_loop()
    start, number = loop.time(), 0
    while number < rate * seconds:
        due = min(int((loop.time() - start) * rate) + 1, int(rate * seconds))
        while number < due:
            text = f"<p>Flood warning {number} for Jakarta, river rising</p>"
            if rate <= _MAX_KEPT_RATE:
                await double.post(text)
            else:
                await double.listeners.send(event("update", json.dumps(make_status(number, text))))
            number += 1
        await double.listeners.send(b":thump\n")
        await asyncio.sleep(0.002)
    print(f"sent {number} posts in {loop.time() - start:.1f} s", flush=True)


async def _run(port: int, rate: int, seconds: float) -> None:
    double = MastodonDouble()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(double.run(port))
        tasks.create_task(_flood(double, rate, seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=int, default=1, help="posts a second")
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    asyncio.run(_run(options.port, options.rate, options.seconds))
