"""A double of a server of feeds: RSS and Atom with entity tags, dates, compression and refusals."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

from tests.pipeline.sources.live.doubles.http_double import HttpDouble


class FeedsDouble(HttpDouble):
    """Feeds by path; `put` changes one.

    Attributes:
        seconds: how long an answer takes, by path.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        """Return one answer for every path."""
        return [web.get("/{path:.*}", self._feed)]

    def put(self, path: str, *titles: str, ttl: int | None = None) -> None:
        """Make the feed hold entries with these titles, the newest first."""
        self.bodies[path] = rss(*titles, ttl=ttl)

    async def _feed(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.seconds.get(request.path, 0.0))
        if (body := self.bodies.get(request.path)) is None:
            return web.Response(status=404)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Content-Type": "application/rss+xml", **self.headers}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)


def rss(*titles: str, ttl: int | None = None, days_ago: float = 0.0, link: str | None = None) -> bytes:
    """Return a feed whose entries have their title as guid."""
    date = format_datetime(datetime.now(UTC) - timedelta(days=days_ago))
    address = f"<link>{escape(link)}</link>" if link is not None else ""
    items = "".join(
        f"<item><guid isPermaLink='false'>{escape(title)}</guid><title>{escape(title)}</title>"
        f"<pubDate>{date}</pubDate>{address}</item>"
        for title in titles
    )
    named = f"<ttl>{ttl}</ttl>" if ttl is not None else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Desk</title>{named}{items}'
        "</channel></rss>"
    ).encode()


async def _run(port: int, num_feeds: int, seconds: float) -> None:
    double = FeedsDouble()
    titles: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(double.run(port))
        for number in range(1_000_000):
            titles = [f"Flood warning {number} for Jakarta, river rising", *titles][:30]
            for feed in range(num_feeds):
                double.put(f"/{feed}.xml", *(f"{title} ({feed})" for title in titles))
            await asyncio.sleep(seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--feeds", type=int, default=3, help="feeds at /0.xml, /1.xml, ...")
    parser.add_argument("--seconds", type=float, default=5.0, help="time between two entries")
    options = parser.parse_args()
    asyncio.run(_run(options.port, options.feeds, options.seconds))
