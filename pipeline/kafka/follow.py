"""Following whole topics, from their beginning or from now on, without end and outside any consumer group.

A broker that is away is waited for. Where it comes back without its data, or somebody has made a topic anew, offsets
begin again: reading goes on from the new beginning. So that a new topic that has overtaken the old one is noticed too,
the last record that was read is read once more after each connection, and compared.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import connected, stop_consumer
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.refusals import NOT_ALLOWED
from pipeline.messages.record import Record, time_of

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]

_POLL_MILLISECONDS = 200
# A broker answers a fetch every half second, records or none: several answers are missing.
_MAX_SILENCE_SECONDS = 3.0
# A new leader may know of fewer records than its followers for a moment; a topic that is another stays shorter.
_MAX_SHORT_SECONDS = 3.0
_METADATA_MILLISECONDS = 5_000  # new partitions are seen after so long
_RECONNECT_SECONDS = 0.5


@asynccontextmanager
async def follow(
    cluster: Cluster,
    topics: Sequence[str],
    *,
    from_beginning: bool,
    tell: Tell = logger.warning,
) -> AsyncIterator[AsyncIterator[Record]]:
    """Give an endless iterator over the committed records of `topics`, outside any consumer group.

    Args:
        tell: is told, in a sentence, of an outage, its end, and records that are gone.

    Raises:
        BrokerUnavailableError: nobody answers there.
        MissingTopicError: one of the topics does not exist.
        KafkaAccessError: the broker refuses us; also from the iterator, where we may not read a topic.
    """
    follower = _Follower(cluster, topics, tell)
    async with follower.session() as consumer:
        await follower.begin(consumer, from_beginning=from_beginning)
        async with aclosing(follower.records(consumer)) as records:
            yield records


class _Follower:
    """Knows what was read of each partition, over all connections."""

    def __init__(self, cluster: Cluster, topics: Sequence[str], tell: Tell) -> None:
        self._cluster = cluster
        self._topics = topics
        self._tell = tell
        self._tps: list[TopicPartition] = []  # that there are, as of the last connection
        self._next: dict[TopicPartition, int] = {}  # the offset that is wanted
        self._last: dict[TopicPartition, Record] = {}  # that was read
        self._short_since: dict[TopicPartition, float] = {}  # ends before what was read
        self._is_outage_told = False
        self._told_new: set[str] = set()  # topics, since the last connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Give a consumer that is connected, the partitions being known."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._cluster.brokers,
            auto_offset_reset="none",  # an offset that is gone is an error, and `_find_again` looks what it means
            enable_auto_commit=False,
            isolation_level="read_committed",
            metadata_max_age_ms=_METADATA_MILLISECONDS,
            **self._cluster.security.client_options(),
        )
        async with connected(consumer, self._cluster, topics=self._topics) as partitions:
            self._tps = [TopicPartition(*partition) for partition in partitions]
            self._told_new.clear()
            self._short_since.clear()
            try:
                yield consumer
            except NOT_ALLOWED:
                raise
            except KafkaError as error:
                raise unavailable(self._cluster, error) from error

    async def begin(self, consumer: Any, *, from_beginning: bool) -> None:
        """Find out where to begin."""
        ask = consumer.beginning_offsets if from_beginning else consumer.end_offsets
        self._next = dict(await ask(self._tps))

    async def records(self, first: Any) -> AsyncGenerator[Record, None]:
        """Yield records without end, with this consumer and, once it fails, with others."""
        async for record in self._until_outage(first):
            yield record
        await stop_consumer(first)
        while True:
            try:
                async with self.session() as consumer:
                    await self._resume(consumer)
                    async for record in self._until_outage(consumer):
                        yield record
            except BrokerUnavailableError as error:
                self._tell_outage(error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _resume(self, consumer: Any) -> None:
        """Begin with partitions that are new, and forget those that are no more."""
        new = [tp for tp in self._tps if tp not in self._next]
        self._next |= await consumer.beginning_offsets(new) if new else {}
        for tp in set(self._next) - set(self._tps):
            self._forget(tp)
        if self._is_outage_told:
            self._is_outage_told = False
            self._tell(f"connected again to Kafka {self._cluster.brokers}")

    async def _until_outage(self, consumer: Any) -> AsyncGenerator[Record, None]:
        try:
            async with aclosing(self._read(consumer)) as records:
                async for record in records:
                    yield record
        except NOT_ALLOWED:
            raise
        except BrokerUnavailableError as error:
            logger.info("%s; connecting again", error)  # told if that does not work
        except KafkaError as error:
            self._tell_outage(unavailable(self._cluster, error))

    async def _read(self, consumer: Any) -> AsyncGenerator[Record, None]:
        """Yield records; returns where there are new partitions.

        Raises:
            BrokerUnavailableError: nothing is answered any more.
        """
        consumer.assign(self._tps)
        for tp in self._tps:
            last = self._last.get(tp)
            consumer.seek(tp, self._next[tp] if last is None else last.offset)
        silence = _Silence(consumer, self._tps)
        unproven = set(self._last) & set(self._tps)  # may be others than they were
        while not self._has_new_partitions(consumer):
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
            except OffsetOutOfRangeError as error:
                await self._find_again(consumer, error.args[0])
                continue
            for tp, messages in fetched.items():
                if tp in unproven and self._is_another(to_record(messages[0])):
                    await self._begin_anew(consumer, tp)
                    unproven.discard(tp)
                    continue
                unproven.discard(tp)
                for message in messages:
                    if message.offset >= self._next[tp]:
                        self._next[tp], self._last[tp] = message.offset + 1, to_record(message)
                        yield self._last[tp]
            await self._check_ends(consumer)
            silence.check()

    def _has_new_partitions(self, consumer: Any) -> bool:
        num_known = len(self._tps)
        return sum(len(consumer.partitions_for_topic(topic) or ()) for topic in self._topics) > num_known

    def _is_another(self, record: Record) -> bool:
        """Whether the first record behind a connection shows that the partition is not the one that we knew."""
        last = self._last.get(TopicPartition(record.topic, record.partition))
        return last is not None and record.offset == last.offset and record != last

    async def _check_ends(self, consumer: Any) -> None:
        """Notice partitions that end before what we have read of them: Tansu answers there with nothing."""
        now = asyncio.get_running_loop().time()
        for tp in self._tps:
            end = consumer.highwater(tp)
            if end is None or end >= self._next[tp]:
                self._short_since.pop(tp, None)
            elif now - self._short_since.setdefault(tp, now) > _MAX_SHORT_SECONDS:
                await self._begin_anew(consumer, tp)

    async def _find_again(self, consumer: Any, offsets: Mapping[TopicPartition, int]) -> None:
        """Go on where an offset is not there: the oldest records were deleted, or the topic is another."""
        beginnings = await consumer.beginning_offsets(list(offsets))
        for tp, oldest in beginnings.items():
            if oldest < self._next[tp]:
                await self._begin_anew(consumer, tp)
                continue
            if oldest > self._next[tp]:
                self._tell(
                    f"{tp.topic}/{tp.partition}: the records before offset {oldest} are gone; going on from it"
                )
            self._go_on(consumer, tp, oldest)

    async def _begin_anew(self, consumer: Any, tp: TopicPartition) -> None:
        beginnings = await consumer.beginning_offsets([tp])
        if tp.topic not in self._told_new:
            self._told_new.add(tp.topic)
            self._tell(
                f"topic {tp.topic} is not the one that it was (made anew, or the broker came back without its data): "
                "going on from its beginning"
            )
        self._go_on(consumer, tp, beginnings[tp])

    def _go_on(self, consumer: Any, tp: TopicPartition, offset: int) -> None:
        self._forget(tp)
        self._next[tp] = offset
        consumer.seek(tp, offset)

    def _forget(self, tp: TopicPartition) -> None:
        self._next.pop(tp, None)
        self._last.pop(tp, None)
        self._short_since.pop(tp, None)

    def _tell_outage(self, error: Exception) -> None:
        if not self._is_outage_told:
            self._is_outage_told = True
            self._tell(f"{error}; waiting for it")


class _Silence:
    """Notices that a broker does not answer. A reader that takes its time between two polls is no silence."""

    def __init__(self, consumer: Any, tps: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        now = asyncio.get_running_loop().time()
        self._answers: dict[TopicPartition, tuple[object, float]] = dict.fromkeys(tps, (None, now))
        self._polled = now

    def check(self) -> None:
        """Return unless a partition was asked for and nothing answered, too long.

        Raises:
            BrokerUnavailableError: that is so.
        """
        now = asyncio.get_running_loop().time()
        was_away, self._polled = now - self._polled > _MAX_SILENCE_SECONDS / 2, now
        for tp, (before, since) in self._answers.items():
            answered = self._consumer.last_poll_timestamp(tp)
            if was_away or answered != before:
                self._answers[tp] = (answered, now)
            elif now - since > _MAX_SILENCE_SECONDS:
                raise BrokerUnavailableError(f"Kafka does not answer for {tp.topic}/{tp.partition}")


def to_record(message: Any) -> Record:
    """Return the client's message as a record of ours."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=time_of(message.timestamp / 1000),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
