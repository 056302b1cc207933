"""One feed: which of its entries are new, and when to look again."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import httpx
import msgspec

from pipeline.errors import SourceUnavailableError
from pipeline.formats.fields import is_usable_id
from pipeline.formats.format import BadPost, Reading, ReadPost
from pipeline.sources.live.event_time import newest
from pipeline.sources.live.http.limits import wait_seconds
from pipeline.sources.live.rss.fetch import Answer, fetch
from pipeline.sources.live.rss.memory import FeedMemory, entry_hash, joined_hashes, validator

logger = logging.getLogger(__name__)

# Makes posts of the document; called in a thread, because a large feed takes a while.
ReadFeed = Callable[[httpx.Headers, bytes], Sequence[Reading]]

_MAX_FAILURE_SECONDS = 3_600.0
_MAX_INTERVAL_SECONDS = 86_400.0
# Of a feed that is new to us, older entries are not taken: they are no news.
_FIRST_LOOK = timedelta(hours=24)
_TTL = re.compile(rb"<ttl>\s{0,20}(\d{1,5})\s{0,20}</ttl>")
_MAX_AGE = re.compile(r"max-age=(\d{1,6})")
_HEAD_BYTES = 8_192
_URI = re.compile(r"(?:https?|tag|urn):")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a feed has brought.

    Attributes:
        items: new entries, from old to new.
        memory: what is known of the feed after it.
        problem: why the feed could not be read.
    """

    address: str
    items: Sequence[Reading]
    memory: FeedMemory
    problem: str = ""


class Feed:
    """One feed.

    Args:
        poll_seconds: the time between two looks, unless the feed names a longer one.
        first_after: seconds until the first look.
    """

    def __init__(
        self, address: str, memory: FeedMemory, read: ReadFeed, *, poll_seconds: float, first_after: float
    ) -> None:
        self.address = address
        self._host = httpx.URL(address).netloc.decode()
        self._memory = memory
        self._read = read
        self._poll_seconds = poll_seconds
        self._num_failures = 0
        self.is_gone = False
        self.due = time.monotonic() + first_after  # when to look again, by the monotonic clock

    def resume(self, memory: FeedMemory) -> None:
        """Go on from this memory: what was found since may not have been published."""
        self._memory = memory

    async def look(self, http: httpx.AsyncClient) -> Look:
        """Ask for the feed, if it has changed."""
        memory = self._memory
        try:
            address = memory.moved or self.address
            answer = await fetch(http, address, etag=memory.etag, modified=memory.modified)
            look = await self._judge(answer)
        except SourceUnavailableError as error:
            self._wait_after_failure(None)
            look = Look(self.address, (), memory, str(error))
        self._report(look)
        self._memory = look.memory
        return look

    async def _judge(self, answer: Answer) -> Look:
        if answer.status == httpx.codes.NOT_MODIFIED:
            self._wait(answer)
            return Look(self.address, (), self._memory)
        if answer.status == httpx.codes.GONE:
            self.is_gone = True
            return Look(self.address, (), FeedMemory(), "gone for good (410); not asked for again")
        if answer.status != httpx.codes.OK:
            self._wait_after_failure(wait_seconds(answer.headers))
            return Look(self.address, (), self._forgetful(), f"the server answers {answer.status}")
        items = await asyncio.to_thread(self._read, answer.headers, answer.body)
        items = [_in_network(_with_whole_url(item, self.address), self._host) for item in items]
        if items and all(isinstance(item, BadPost) for item in items):
            self._wait_after_failure(None)
            [first, *_] = items
            problem = f"no feed: {first.error}" if isinstance(first, BadPost) else ""
            return Look(self.address, (), self._memory, problem)
        self._wait(answer)
        return Look(self.address, list(self._new(items)), self._remember(answer, items))

    def _new(self, items: Sequence[Reading]) -> Iterator[Reading]:
        """Yield the entries that were not there at the last look, from old to new."""
        is_first, known = self._memory.seen is None, self._memory.hashes()
        earliest = datetime.now(UTC) - _FIRST_LOOK
        for item in reversed(items):
            if is_first and ((time := newest([item])) is None or time < earliest):
                continue
            if entry_hash(_name(item)) not in known:
                yield item

    def _remember(self, answer: Answer, items: Sequence[Reading]) -> FeedMemory:
        return FeedMemory(
            etag=validator(answer.headers.get("etag")),
            modified=validator(answer.headers.get("last-modified")),
            moved=validator(answer.moved) or self._memory.moved,
            seen=joined_hashes(entry_hash(_name(item)) for item in items),
        )

    def _forgetful(self) -> FeedMemory:
        """Return the memory without the new address, if the feed is no longer there either."""
        return msgspec.structs.replace(self._memory, moved="")

    def _wait(self, answer: Answer) -> None:
        self._num_failures = 0
        ttl = _TTL.search(answer.body[:_HEAD_BYTES])
        max_age = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        named = (float(ttl[1]) * 60 if ttl else 0.0, float(max_age[1]) if max_age else 0.0)
        self._plan(min(max(self._poll_seconds, *named), max(_MAX_INTERVAL_SECONDS, self._poll_seconds)))

    def _wait_after_failure(self, asked: float | None) -> None:
        self._num_failures += 1
        doubled = self._poll_seconds * 2.0 ** min(self._num_failures - 1, 16)
        self._plan(max(min(doubled, _MAX_FAILURE_SECONDS), self._poll_seconds, asked or 0.0))

    def _plan(self, seconds: float) -> None:
        jitter = random.uniform(1.0, 1.05)  # noqa: S311 - not a secret
        self.due = time.monotonic() + seconds * jitter

    def _report(self, look: Look) -> None:
        if look.problem and (self._num_failures <= 1 or self.is_gone):
            logger.warning("feed %s: %s", self.address, look.problem)


def _with_whole_url(item: Reading, address: str) -> Reading:
    """Return the entry with its link made whole, if it is one within the feed's own site (`/quakes/1`)."""
    if not isinstance(item, ReadPost) or not item.post.url:
        return item
    with suppress(ValueError):  # no address; it stays as it is
        url = urljoin(address, item.post.url)
        return replace(item, post=msgspec.structs.replace(item.post, url=url))
    return item


def _in_network(item: Reading, host: str) -> Reading:
    """Return the entry with the host in its id, unless the id is a URI: RSS wants ids to be unique in one feed only."""
    if not isinstance(item, ReadPost) or _URI.match(item.post.id):
        return item
    post_id = f"{host}/{item.post.id}"
    if not is_usable_id(post_id):  # too long with the host
        return item
    return replace(item, post=msgspec.structs.replace(item.post, id=post_id))


def _name(item: Reading) -> str:
    """Return what an entry is known by; a bad one by its bytes."""
    match item:
        case ReadPost():
            return item.post.id
        case BadPost():
            return item.value.decode("latin-1")
    return repr(item)
