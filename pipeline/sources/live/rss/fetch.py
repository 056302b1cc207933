"""One conditional request for a feed, within bounds of size and time.

A feed may come compressed. What it decompresses to is bounded, too: some kilobytes may stand for gigabytes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from pipeline.errors import SourceUnavailableError
from pipeline.sources.live.http.site import read_bounded

MAX_FEED_BYTES = 5_000_000
_FETCH_SECONDS = 30.0
_MAX_REDIRECTS = 5
_PERMANENT = frozenset({301, 308})
_NOT_MODIFIED = 304
_GZIP = 16 + zlib.MAX_WBITS
_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.8"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers.

    Attributes:
        status: 200, 304 or that of a failure.
        body: empty unless the status is 200.
        moved: the new address, if the server says that the feed has moved for good.
    """

    status: int
    headers: httpx.Headers
    body: bytes = b""
    moved: str = ""


async def fetch(http: httpx.AsyncClient, address: str, *, etag: str, modified: str) -> Answer:
    """Ask for a feed, if it has changed.

    Raises:
        SourceUnavailableError: there is no answer, or one that is too large.
    """
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": modified} if modified else {}
    try:
        async with asyncio.timeout(_FETCH_SECONDS):
            return await _follow(http, http.build_request("GET", address, headers=headers))
    except TimeoutError as error:
        raise SourceUnavailableError(f"no whole answer in {_FETCH_SECONDS:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, zlib.error) as error:
        raise SourceUnavailableError(f"cannot be read ({type(error).__name__})") from error


async def _follow(http: httpx.AsyncClient, request: httpx.Request) -> Answer:
    """Send the request, and follow its redirects; `moved` is where the permanent ones at their beginning lead."""
    moved, is_permanent = "", True
    for _ in range(_MAX_REDIRECTS):
        response = await http.send(request, stream=True)
        try:
            if response.next_request is None:
                body = await _body(response) if response.status_code == httpx.codes.OK else b""
                return Answer(response.status_code, response.headers, body, moved)
            is_permanent = is_permanent and response.status_code in _PERMANENT
            request = response.next_request
            moved = str(request.url) if is_permanent else moved
        finally:
            await response.aclose()
    raise SourceUnavailableError("redirects in a circle")


async def _body(response: httpx.Response) -> bytes:
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return await read_bounded(response.aiter_raw(), MAX_FEED_BYTES)
    if coding not in ("gzip", "x-gzip"):
        raise SourceUnavailableError(f"comes as {coding[:40]!r}, which was not asked for")
    return await read_bounded(_inflated(response.aiter_raw()), MAX_FEED_BYTES)


async def _inflated(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        yield decompressor.decompress(piece, MAX_FEED_BYTES + 1)
        while decompressor.unconsumed_tail:
            yield decompressor.decompress(decompressor.unconsumed_tail, MAX_FEED_BYTES + 1)
