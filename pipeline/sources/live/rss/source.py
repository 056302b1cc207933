"""The source `rss`: any number of RSS and Atom feeds, each looked at in its own time.

Every feed has a task of its own, so a slow or broken one holds up no other. A task hands over what it has found and
waits until that is taken. The cursor holds what is known of each feed, as of the looks that have been handed over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

import httpx
from feedparser.encodings import convert_to_utf8

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.formats.format import Reading
from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.event_time import newest
from pipeline.sources.live.http.site import LOOPBACK
from pipeline.sources.live.rss.addresses import feed_addresses
from pipeline.sources.live.rss.feed import Feed, Look
from pipeline.sources.live.rss.fetch import MAX_FEED_BYTES
from pipeline.sources.live.rss.memory import FeedMemory, read_memories, write_memories
from pipeline.sources.live.source import Batch, Filter, source_key

_MAX_AT_ONCE = 16  # requests
_MAX_WAITING = 4  # looks that are not taken yet
_SPREAD_SECONDS = 0.05  # between the first looks at two feeds
_TIMEOUT_SECONDS = 10.0


class Rss:
    """Entries of feeds."""

    name = "rss"
    filters: frozenset[Filter] = frozenset()

    def __init__(self, settings: Settings) -> None:
        self._addresses = feed_addresses(settings)
        if settings.source_token_file is not None:
            raise SettingsError([f"{variable_of('source_token_file')}: feeds are read without a token"])
        # A feed is as large as its entries together.
        self._documents = Documents(settings.model_copy(update={"max_post_bytes": MAX_FEED_BYTES}), "auto")
        feeds = settings.source_feeds_file or sorted(self._addresses)
        self.key = source_key(self.name, feeds, settings.source_words, settings.source_languages)
        self._feeds = [
            Feed(
                address,
                FeedMemory(),
                self._read,
                poll_seconds=settings.source_poll_seconds,
                first_after=number * _SPREAD_SECONDS,
            )
            for number, address in enumerate(self._addresses)
        ]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the source; raises SettingsError."""
        return cls(settings)

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Look at the feeds and yield what is new; see `LiveSource.read`.

        Raises:
            SourceUnavailableError: none of the feeds could be read at the last look.
            SourceRefusedError: all feeds are gone.
        """
        memories = {address: FeedMemory() for address in self._addresses} | {
            address: memory
            for address, memory in read_memories(cursor).items()
            if address in set(self._addresses)
        }
        problems: dict[str, str] = {}
        async with self._looks(memories) as looks:
            while True:
                look = await looks.get()
                if isinstance(look, Exception):
                    raise look
                has_changed = memories[look.address] != look.memory
                memories[look.address] = look.memory
                problems[look.address] = look.problem
                if not look.problem:
                    cursor = write_memories(memories) if has_changed else None
                    yield Batch(look.items, cursor, newest(look.items))
                elif len(problems) == len(self._feeds) and all(problems.values()):
                    raise self._failure(look)

    @asynccontextmanager
    async def _looks(self, memories: dict[str, FeedMemory]) -> AsyncIterator[asyncio.Queue[Look | Exception]]:
        """Give the looks of all feeds as they come."""
        looks: asyncio.Queue[Look | Exception] = asyncio.Queue(_MAX_WAITING)
        slots = asyncio.Semaphore(_MAX_AT_ONCE)
        async with httpx.AsyncClient(
            headers={"User-Agent": "tocsin"},
            timeout=_TIMEOUT_SECONDS,
            # A proxy that the environment names is not for servers on this machine.
            trust_env=not all(map(LOOPBACK.match, self._addresses)),
        ) as http:
            for feed in self._feeds:
                feed.resume(memories[feed.address])
            tasks = [asyncio.create_task(_watch(feed, http, slots, looks)) for feed in self._live_feeds()]
            try:
                yield looks
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _live_feeds(self) -> Sequence[Feed]:
        if not (feeds := [feed for feed in self._feeds if not feed.is_gone]):
            raise SourceRefusedError(
                f"all {len(self._feeds)} feeds are gone: check {variable_of('source_url')} or "
                f"{variable_of('source_feeds_file')}"
            )
        return feeds

    def _failure(self, look: Look) -> SourceUnavailableError:
        due = min((feed.due for feed in self._live_feeds()), default=0.0)
        return SourceUnavailableError(
            f"none of {len(self._feeds)} feeds can be read; {look.address}: {look.problem}",
            retry_after=max(due - time.monotonic(), 0.0),
        )

    def _read(self, headers: httpx.Headers, body: bytes) -> Sequence[Reading]:
        """Return the entries of a feed in any encoding; called in a thread."""
        try:
            in_utf8 = convert_to_utf8({"content-type": headers.get("content-type", "")}, body, {})
        except (LookupError, ValueError):  # feedparser trips over names of encodings that are none
            in_utf8 = body.decode("utf-8", "replace").encode()
        return self._documents.read(in_utf8)


async def _watch(
    feed: Feed,
    http: httpx.AsyncClient,
    slots: asyncio.Semaphore,
    looks: asyncio.Queue[Look | Exception],
) -> None:
    """Look at a feed again and again, until it is gone."""
    try:
        while not feed.is_gone:
            await asyncio.sleep(feed.due - time.monotonic())
            async with slots:
                look = await feed.look(http)
                http.cookies.clear()
            await looks.put(look)
    except Exception as error:  # a defect of ours must not leave the feed unread in silence
        await looks.put(error)
