"""Which posts already have their alert or abstention, so that no post is alerted twice.

A post may come again: its agent was killed, a group was reset, or it was produced again. The ledger reads back the
topics of alerts and abstentions, so it holds an outcome exactly if the broker has acknowledged it. A separate topic,
written after the outcome, would be smaller. But an agent that is killed between the two writes would have published an
outcome that the ledger does not know. The LLM, asked again, may answer differently: two different alerts for one post.
Reading the outcome topics back has no such gap, and a post whose outcome was lost is never counted as done.

An alert counts for the id of its post, whatever text comes under that id later. An abstention counts for id and text:
an edit may hold the news that the first text lacked, so it is judged anew. The record of an abstention holds the post,
and so the text that was judged; one that cannot be read counts for nothing. A tombstone under the post's id deletes an
alert, and the ledger forgets it, as compaction would. A tombstone of an abstention changes nothing until compaction has
removed the abstention. Dead letters do not count: a replayed one (`tocsin dead replay`) gets its alert.

Outcomes lie under the post's id, and an id always goes to the same partition of a topic. So an agent reads the
partitions of the ids that it works on: before the first such record, and again, from where it stopped, after each
rebalance, because other agents may have worked on them meanwhile. In between only this agent writes outcomes of these
posts, and it notes them itself. If a topic is shorter than it was (the broker came back without its data, or the topic
was made anew), some outcomes are gone, and it is unknown which. Then everything is forgotten and read anew, and posts
that are produced again get their alerts again.

What remains:

- A post that comes again after only an outcome topic was made anew gets no second alert before the next rebalance.
- Two alerts for one post, possibly different, if an agent hangs for longer than its session, loses its partitions, and
  then publishes what it was working on.
- The same if partitions are added to the outcome topics, because ids then lead elsewhere.
- The same if the topics are made anew while an agent has none of their posts, and are longer than before when it reads
  them.
- The same if the first alert is older than `max_age_seconds`, is not among the last `max_posts` (minus an eighth), or
  was deleted from its topic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.errors import BrokerUnavailableError, LoginRefusedError
from pipeline.kafka.producer import partition_number
from pipeline.kafka.reading.partition_reader import PartitionReader
from pipeline.messages import Abstention, Alert, Post
from pipeline.messages.record import Partition, Record
from pipeline.outage import until_it_works
from pipeline.outcomes.marks import Marks, judged_text, mark_of

logger = logging.getLogger(__name__)

OpenReader = Callable[[], AbstractAsyncContextManager[PartitionReader]]

# A new leader may know fewer records than there are for a moment. A topic that was made anew stays shorter.
_MAX_SHORT_SECONDS = 3.0
_LOOK_SECONDS = 0.2


class SkipReason(StrEnum):
    """Why a post that comes again is skipped."""

    ALERTED = "alerted"  # the post has its alert
    ABSTAINED = "abstained"  # this text of the post has its abstention


class Ledger:
    """Knows the recent outcomes; holds a hash and a time of each.

    Args:
        open_reader: connects a reader of the topics of outcomes.
        abstained_topic: the topic of abstentions; the other topic has alerts.
        max_age_seconds: older outcomes do not count; 0 switches the ledger off.
        max_posts: number of outcomes held; the oldest go first, an eighth at a time.
        on_progress: called while it reads, and while it waits for the broker.
    """

    def __init__(
        self,
        open_reader: OpenReader,
        *,
        abstained_topic: str,
        max_age_seconds: float,
        max_posts: int,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_reader = open_reader
        self._abstained_topic = abstained_topic
        self._on_progress = on_progress
        self._max_age_seconds = max_age_seconds
        self._marks = Marks(max_age_seconds=max_age_seconds, max_marks=max_posts)
        self._positions: dict[Partition, int] = {}  # the offset to read next
        self._lengths: dict[Partition, int] = {}  # lower bounds; each outcome that we publish adds one
        self._current: set[Partition] = set()  # partitions that were read since the last rebalance
        self._num_partitions: dict[str, int] = {}  # number by topic; empty before the first read
        self._claims: dict[int, asyncio.Event] = {}

    @property
    def num_outcomes(self) -> int:
        """Number of outcomes held."""
        return len(self._marks)

    async def catch_up(self, post_ids: Iterable[str]) -> None:
        """Read the outcomes that other agents may have published of these posts.

        It waits while the broker is away, or refuses a login that it accepted before.

        Raises:
            KafkaAccessError: an ACL is missing.
        """
        if not self._max_age_seconds:
            return
        keys = [post_id.encode() for post_id in post_ids]
        if keys and not (self._num_partitions and self._partitions_of(keys) <= self._current):
            await until_it_works(
                lambda: self._read(keys),
                on=(BrokerUnavailableError, LoginRefusedError),
                on_failure=lambda _: self._on_progress(),
            )

    def on_rebalance(self) -> None:
        """Note that other agents may have published outcomes meanwhile."""
        self._current.clear()

    @asynccontextmanager
    async def claim(self, post: Post) -> AsyncIterator[SkipReason | None]:
        """Give the reason to skip the post, or None. A second record of the same id waits here for the first."""
        key = post.id.encode()
        mark = mark_of(key)
        while (other := self._claims.get(mark)) is not None:
            await other.wait()
        self._claims[mark] = done = asyncio.Event()
        try:
            yield self._why_skipped(key, post.text)
        finally:
            del self._claims[mark]
            done.set()

    def add(self, outcome: Alert | Abstention) -> None:
        """Note that the broker has acknowledged this outcome."""
        key, text = outcome.post.id.encode(), None if isinstance(outcome, Alert) else outcome.post.text
        self._marks.add(mark_of(key, text), int(time.time()))
        for partition in self._partitions_of([key]):
            if (partition.topic == self._abstained_topic) == (text is not None):
                self._lengths[partition] = self._lengths.get(partition, 0) + 1

    def _why_skipped(self, key: bytes, text: str) -> SkipReason | None:
        if mark_of(key) in self._marks:
            return SkipReason.ALERTED
        return SkipReason.ABSTAINED if mark_of(key, text) in self._marks else None

    def _partitions_of(self, keys: Sequence[bytes]) -> set[Partition]:
        """Return the partitions on which outcomes of these posts lie."""
        return {
            Partition(topic, partition_number(key, number))
            for topic, number in self._num_partitions.items()
            for key in keys
        }

    async def _read(self, keys: Sequence[bytes]) -> None:
        began = time.monotonic()
        async with self._open_reader() as reader:
            self._num_partitions = _count_by_topic(reader.partitions)
            wanted = sorted(self._partitions_of(keys) - self._current)
            num_read = await self._take_all(reader, wanted)
            if num_read is None:
                self._begin_anew()
                num_read = await self._take_all(reader, wanted) or 0
        self._current |= set(wanted)
        seconds = time.monotonic() - began
        logger.info(
            "%d outcomes of %d partitions read in %.1f s: none is made twice", num_read, len(wanted), seconds
        )

    async def _take_all(self, reader: PartitionReader, wanted: Sequence[Partition]) -> int | None:
        """Return how many records were read; None if a topic was made anew."""
        lengths = {partition: self._lengths.get(partition, 0) for partition in wanted}
        deadline = time.monotonic() + _MAX_SHORT_SECONDS
        num_read = 0
        while True:
            num_new = await self._take_new(reader, await self._starts(reader, wanted))
            if num_new is None:
                return None
            num_read += num_new
            found = reader.last_ends(wanted)
            if all(found[partition] >= lengths[partition] for partition in wanted):
                self._lengths |= found
                return num_read
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(_LOOK_SECONDS)

    async def _take_new(self, reader: PartitionReader, starts: dict[Partition, int]) -> int | None:
        num_read = 0
        async with aclosing(reader.read(starts)) as chunks:
            async for records in chunks:
                num_read += len(records)
                self._on_progress()
                for record in records:
                    if record.offset < starts[Partition(record.topic, record.partition)]:
                        return None
                    self._take(record)
        return num_read

    def _begin_anew(self) -> None:
        logger.warning(
            "the topics of outcomes are not the ones that they were (made anew, or the broker came back without its "
            "data): outcomes that are not on them no longer count, and their posts get new ones if they come again"
        )
        self._marks.clear()
        self._positions.clear()
        self._lengths.clear()
        self._current.clear()

    async def _starts(self, reader: PartitionReader, wanted: Sequence[Partition]) -> dict[Partition, int]:
        new = [partition for partition in wanted if partition not in self._positions]
        oldest = datetime.now(UTC) - timedelta(seconds=self._max_age_seconds)
        starts = await reader.offsets_at(new, oldest) if new else {}
        return {partition: self._positions.get(partition, starts.get(partition, 0)) for partition in wanted}

    def _take(self, record: Record) -> None:
        self._positions[Partition(record.topic, record.partition)] = record.offset + 1
        if record.key is None:
            return
        at = int(record.timestamp.timestamp())
        if record.topic == self._abstained_topic:
            text = judged_text(record.value)
            if text is not None:
                self._marks.add(mark_of(record.key, text), at)
        elif record.is_tombstone:
            self._marks.discard(mark_of(record.key))
        else:
            self._marks.add(mark_of(record.key), at)


def _count_by_topic(partitions: Iterable[Partition]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for partition in partitions:
        counts[partition.topic] = counts.get(partition.topic, 0) + 1
    return counts
