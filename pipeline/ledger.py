"""Which posts have their alert or abstention already, so that nobody is alerted twice.

A post may come again: its agent was killed, a group was reset, somebody produced it anew. The ledger is what the
topics of alerts and abstentions themselves hold, read back: an outcome is in it exactly when the broker has
acknowledged it. A topic of its own, written after the outcome, would be smaller to read, but whoever is killed between
the two writes has published an outcome that the ledger does not know, and an LLM that is asked again may answer
otherwise: two different alerts for one post. Here there is nothing between the two. Nor is a post ever taken for done
whose outcome was lost.

Outcomes lie under the post's id, and the same id always goes to the same partition of a topic. So an instance reads
the partitions that the ids at hand lead to, however many partitions each topic has: before the first such record is
worked on, and again, from where it stopped, after each rebalance, for then somebody else may have worked on them. In
between it alone writes outcomes of these posts, and notes them itself. Dead letters are no outcomes in this sense: one
that is replayed (`tocsin dead replay`) gets its alert.

What remains: two alerts for one post, possibly different, where an instance that the group has given up for dead (it
hung for longer than the session lasts) wakes up and publishes what it had in hand; where partitions are added to the
topics of outcomes, for ids then lead elsewhere; and where the first alert is older than `max_age_seconds`, is not
among the last `max_posts` (less an eighth), or has been deleted from its topic.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

from pipeline.errors import BrokerUnavailableError
from pipeline.outage import until_it_works
from pipeline.partition_reader import PartitionReader
from pipeline.publisher import partition_number
from pipeline.records import Partition, Record

logger = logging.getLogger(__name__)

OpenReader = Callable[[], AbstractAsyncContextManager[PartitionReader]]

_NUM_GENERATIONS = 8
_MARK_BYTES = 12  # of an id's hash: of a million ids two have the same with a chance of 10^-17


class Ledger:
    """Knows the posts of late that have their outcome; holds a hash and a time of each.

    Args:
        open_reader: connects a reader of the topics of outcomes.
        max_age_seconds: older outcomes do not count; 0 switches the ledger off.
        max_posts: outcomes held at most; the oldest go first, an eighth at a time.
        on_progress: is told while it reads, and while it waits for the broker.
    """

    def __init__(
        self,
        open_reader: OpenReader,
        *,
        max_age_seconds: float,
        max_posts: int,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_reader = open_reader
        self._on_progress = on_progress
        self._max_age_seconds = max_age_seconds
        self._max_posts = max_posts
        # Times of outcomes (Unix time) by the post's mark, in generations that go as a whole: a dict from whose front
        # one entry after the other is taken gets slower with each.
        self._generations: deque[dict[int, int]] = deque([{}], maxlen=_NUM_GENERATIONS)
        self._positions: dict[Partition, int] = {}  # read up to here
        self._current: set[Partition] = set()  # nothing is missing of these
        self._num_partitions: dict[str, int] = {}  # by topic; empty before the first reading
        self._claims: dict[int, asyncio.Event] = {}

    @property
    def num_posts(self) -> int:
        """Posts held."""
        return sum(map(len, self._generations))

    async def catch_up(self, post_ids: Iterable[str]) -> None:
        """Read what others may have published of these posts; waits for as long as the broker is away."""
        if not self._max_age_seconds:
            return
        keys = [post_id.encode() for post_id in post_ids]
        if keys and not (self._num_partitions and self._missing(keys) <= self._current):
            await until_it_works(
                lambda: self._read(keys), on=BrokerUnavailableError, on_failure=lambda _: self._on_progress()
            )

    def on_rebalance(self) -> None:
        """Note that others may have published outcomes since."""
        self._current.clear()

    @asynccontextmanager
    async def claim(self, post_id: str) -> AsyncIterator[bool]:
        """Give whether the post still lacks its outcome; a second record of it waits here for the first."""
        mark = _mark(post_id.encode())
        while (other := self._claims.get(mark)) is not None:
            await other.wait()
        self._claims[mark] = done = asyncio.Event()
        try:
            yield not self._holds(mark)
        finally:
            del self._claims[mark]
            done.set()

    def add(self, post_id: str) -> None:
        """Note that the broker has acknowledged the post's alert or abstention."""
        self._note(_mark(post_id.encode()), int(time.time()))

    def _holds(self, mark: int) -> bool:
        oldest = time.time() - self._max_age_seconds
        return any(generation.get(mark, 0) > oldest for generation in self._generations)

    def _note(self, mark: int, at: int) -> None:
        if len(self._generations[-1]) >= self._max_posts // _NUM_GENERATIONS:
            self._generations.append({})  # and the oldest goes
        self._generations[-1][mark] = at

    def _missing(self, keys: Sequence[bytes]) -> set[Partition]:
        """Return the partitions that outcomes of these posts lie on."""
        return {
            Partition(topic, partition_number(key, number))
            for topic, number in self._num_partitions.items()
            for key in keys
        }

    async def _read(self, keys: Sequence[bytes]) -> None:
        began, num_read = time.monotonic(), 0
        async with self._open_reader() as reader:
            self._num_partitions = _count_by_topic(reader.partitions)
            wanted = sorted(self._missing(keys) - self._current)
            async for records in reader.read(await self._starts(reader, wanted)):
                num_read += len(records)
                self._on_progress()
                for record in records:
                    self._take(record)
        self._current |= set(wanted)
        seconds = time.monotonic() - began
        logger.info(
            "%d outcomes of %d partitions read in %.1f s: none alerts anew", num_read, len(wanted), seconds
        )

    async def _starts(self, reader: PartitionReader, wanted: Sequence[Partition]) -> dict[Partition, int]:
        new = [partition for partition in wanted if partition not in self._positions]
        oldest = datetime.now(UTC) - timedelta(seconds=self._max_age_seconds)
        starts = await reader.offsets_at(new, oldest) if new else {}
        return {partition: self._positions.get(partition, starts.get(partition, 0)) for partition in wanted}

    def _take(self, record: Record) -> None:
        self._positions[Partition(record.topic, record.partition)] = record.offset + 1
        if record.key is not None:
            self._note(_mark(record.key), int(record.timestamp.timestamp()))


def _mark(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=_MARK_BYTES).digest())


def _count_by_topic(partitions: Iterable[Partition]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for partition in partitions:
        counts[partition.topic] = counts.get(partition.topic, 0) + 1
    return counts
