"""Which posts have their alert or abstention already, so that nobody is alerted twice.

A post may come again: its agent was killed, a group was reset, somebody produced it anew. The ledger is what the
topics of alerts and abstentions themselves hold, read back: an outcome is in it exactly when the broker has
acknowledged it. A topic of its own, written after the outcome, would be smaller to read, but whoever is killed between
the two writes has published an outcome that the ledger does not know, and an LLM that is asked again may answer
otherwise: two different alerts for one post. Here there is nothing between the two. Nor is a post ever taken for done
whose outcome was lost.

An alert stands for its post's id, whatever text comes under it later: nobody is alerted twice about one post. An
abstention stands for id and text: an edit may hold the news that the first text lacked, so it is judged anew. Records
of abstentions hold the post, those of earlier versions too, and so say which text they judged; one that cannot be read
stands for nothing. Whoever deletes an alert (a null value under the post's id, a tombstone) has the ledger forget it,
as compaction would. A tombstone among abstentions changes nothing until compaction has removed the abstention.

Outcomes lie under the post's id, and the same id always goes to the same partition of a topic. So an instance reads the
partitions that the ids at hand lead to, however many partitions each topic has: before the first such record is worked
on, and again, from where it stopped, after each rebalance, for then somebody else may have worked on them. In between
it alone writes outcomes of these posts, and notes them itself. Where a topic has become shorter than it was (the broker
came back without its data, or somebody made the topic anew), outcomes are gone, nobody can say which, and all is
forgotten and read anew: whoever produces his posts again then gets his alerts again. Dead letters are no outcomes in
this sense: one that is replayed (`tocsin dead replay`) gets its alert.

What remains: no second alert of a post that comes again after a topic of outcomes alone was made anew, until the next
rebalance; two alerts for one post, possibly different, where an instance that the group has given up for dead (it hung
for longer than the session lasts) wakes up and publishes what it had in hand; where partitions are added to the topics
of outcomes, for ids then lead elsewhere; where the topics are made anew while an instance has none of their posts, and
are longer than they were before it reads them; and where the first alert is older than `max_age_seconds`, is not among
the last `max_posts` (less an eighth), or has been deleted from its topic.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from pipeline.errors import BrokerUnavailableError, LoginRefusedError
from pipeline.kafka.partition_reader import PartitionReader
from pipeline.kafka.publisher import partition_number
from pipeline.messages import Abstention, Alert, Post
from pipeline.messages.record import Partition, Record
from pipeline.outage import until_it_works

logger = logging.getLogger(__name__)

OpenReader = Callable[[], AbstractAsyncContextManager[PartitionReader]]

_NUM_GENERATIONS = 8
# A new leader may know of fewer records than there are, for a moment; a topic that is another stays shorter.
_MAX_SHORT_SECONDS = 3.0
_LOOK_SECONDS = 0.2
_MARK_BYTES = 12  # of a hash: of a million outcomes two have the same with a chance of 10^-17


class SkipReason(StrEnum):
    """Why a post that comes again is skipped."""

    ALERTED = "alerted"  # it has its alert
    ABSTAINED = "abstained"  # this very text has its abstention


class _JudgedPost(Struct):
    text: str


class _JudgedRecord(Struct):
    """What the ledger reads of an abstention."""

    post: _JudgedPost


_DECODER = msgspec.json.Decoder(_JudgedRecord)


class Ledger:
    """Knows the outcomes of late; holds a hash and a time of each.

    Args:
        open_reader: connects a reader of the topics of outcomes.
        abstained_topic: which of them has the abstentions; the other has alerts.
        max_age_seconds: older outcomes do not count; 0 switches the ledger off.
        max_posts: outcomes held at most; the oldest go first, an eighth at a time.
        on_progress: is told while it reads, and while it waits for the broker.
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
        self._max_posts = max_posts
        # Times of outcomes (Unix time) by their marks, in generations that go as a whole: a dict from whose front
        # one entry after the other is taken gets slower with each.
        self._generations: deque[dict[int, int]] = deque([{}], maxlen=_NUM_GENERATIONS)
        self._positions: dict[Partition, int] = {}  # read up to here
        self._lengths: dict[Partition, int] = {}  # at least; what we publish makes them longer
        self._current: set[Partition] = set()  # nothing is missing of these
        self._num_partitions: dict[str, int] = {}  # by topic; empty before the first reading
        self._claims: dict[int, asyncio.Event] = {}

    @property
    def num_outcomes(self) -> int:
        """Outcomes held."""
        return sum(map(len, self._generations))

    async def catch_up(self, post_ids: Iterable[str]) -> None:
        """Read what others may have published of these posts; waits for as long as the broker is away.

        It waits too while the broker does not let us in, as it did before.

        Raises:
            KafkaAccessError: an ACL is missing.
        """
        if not self._max_age_seconds:
            return
        keys = [post_id.encode() for post_id in post_ids]
        if keys and not (self._num_partitions and self._missing(keys) <= self._current):
            await until_it_works(
                lambda: self._read(keys),
                on=(BrokerUnavailableError, LoginRefusedError),
                on_failure=lambda _: self._on_progress(),
            )

    def on_rebalance(self) -> None:
        """Note that others may have published outcomes since."""
        self._current.clear()

    @asynccontextmanager
    async def claim(self, post: Post) -> AsyncIterator[SkipReason | None]:
        """Give why the post is to be skipped, None if it is not; a second record of its id waits here for the first."""
        key = post.id.encode()
        mark = _mark(key)
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
        self._note(_mark(key, text), int(time.time()))
        for place in self._missing([key]):
            if (place.topic == self._abstained_topic) == (text is not None):
                self._lengths[place] = self._lengths.get(place, 0) + 1

    def _why_skipped(self, key: bytes, text: str) -> SkipReason | None:
        if self._holds(_mark(key)):
            return SkipReason.ALERTED
        return SkipReason.ABSTAINED if self._holds(_mark(key, text)) else None

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
        began = time.monotonic()
        async with self._open_reader() as reader:
            self._num_partitions = _count_by_topic(reader.partitions)
            wanted = sorted(self._missing(keys) - self._current)
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
        """Return how many records were read; None if a topic is another than it was."""
        lengths = {place: self._lengths.get(place, 0) for place in wanted}
        deadline = time.monotonic() + _MAX_SHORT_SECONDS
        num_read = 0
        while True:
            num_new = await self._take_new(reader, await self._starts(reader, wanted))
            if num_new is None:
                return None
            num_read += num_new
            found = reader.last_ends(wanted)
            if all(found[place] >= lengths[place] for place in wanted):
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
            "data): what is not on them counts no more, and its posts get new outcomes if they come again"
        )
        self._generations = deque([{}], maxlen=_NUM_GENERATIONS)
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
            text = _judged_text(record.value)
            if text is not None:
                self._note(_mark(record.key, text), at)
        elif record.is_tombstone:
            self._forget(_mark(record.key))
        else:
            self._note(_mark(record.key), at)

    def _forget(self, mark: int) -> None:
        for generation in self._generations:
            generation.pop(mark, None)


def _mark(key: bytes, text: str | None = None) -> int:
    """Return the mark of an alert of the post with this key, or of an abstention on this text of it."""
    if text is None:
        digest = hashlib.blake2b(key, digest_size=_MARK_BYTES)
    else:
        # Keyed by the id, so that no id and text run together as another's.
        digest = hashlib.blake2b(text.encode(), digest_size=_MARK_BYTES, key=hashlib.blake2b(key).digest())
    return int.from_bytes(digest.digest())


def _judged_text(value: bytes | None) -> str | None:
    """Return the text that an abstention's record judged; None if it is a tombstone or no abstention of ours."""
    if value is None:
        return None
    try:
        return _DECODER.decode(value).post.text
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _count_by_topic(partitions: Iterable[Partition]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for partition in partitions:
        counts[partition.topic] = counts.get(partition.topic, 0) + 1
    return counts
