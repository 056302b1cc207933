"""Reading given partitions up to their present end, outside any consumer group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import connected
from pipeline.kafka.follow import to_record
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.partition_ends import Approach, end_of
from pipeline.kafka.refusals import NOT_ALLOWED
from pipeline.messages.record import Partition, Record

_POLL_MILLISECONDS = 200
_TOO_NEW = -1  # Tansu's way to say that it has no record so young


class PartitionReader:
    """Reads some topics; use it by `partition_reader`."""

    def __init__(self, consumer: Any, partitions: Sequence[Partition]) -> None:
        self._consumer = consumer
        self.partitions = sorted(partitions)  # of all topics

    async def offsets_at(self, partitions: Sequence[Partition], time: datetime) -> dict[Partition, int]:
        """Return the offset of each partition's first record from `time` on, the end where there is none."""
        times = {TopicPartition(*partition): int(time.timestamp() * 1000) for partition in partitions}
        ends = await self._consumer.end_offsets(
            list(times)
        )  # too low on Tansu: then more is read than must be
        found = await self._consumer.offsets_for_times(times)
        is_found = {tp: at is not None and at.timestamp != _TOO_NEW for tp, at in found.items()}
        return {Partition(*tp): found[tp].offset if is_found.get(tp) else ends[tp] for tp in times}

    async def read(self, starts: Mapping[Partition, int]) -> AsyncGenerator[list[Record], None]:
        """Yield what is committed from these offsets to the ends, in chunks; an offset that is gone means the oldest.

        The end is what the answers to fetches say it is, before any open transaction: asked for it, Tansu answers
        something else. What no application sees (aborted records, transactions' marks, holes that compaction left)
        is passed over, also at the end.

        Raises:
            BrokerUnavailableError: nothing comes.
        """
        tps = {TopicPartition(*partition): offset for partition, offset in starts.items()}
        if not tps:
            return
        self._consumer.assign(list(tps))
        for tp, offset in tps.items():
            self._consumer.seek(tp, offset)
        approach = Approach(self._consumer, tps)
        while not await approach.is_done():
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
            approach.note(fetched)
            if fetched:
                yield [to_record(message) for messages in fetched.values() for message in messages]

    async def ends(self, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the offset that the next committed record of each partition will have at least.

        Where nothing that an application sees lies behind a start, that is the start itself: marks of transactions,
        aborted records and holes at the end wait for nobody.

        Raises:
            BrokerUnavailableError: nothing comes.
        """
        ends, pending = dict(starts), dict(starts)
        # Whoever has a record is known at once; the others are then looked at without it, for it may have millions.
        while with_records := await self._with_records(pending):
            for place in with_records:
                ends[place] = end_of(self._consumer, TopicPartition(*place)) or 0
                del pending[place]
        return ends

    async def _with_records(self, starts: Mapping[Partition, int]) -> set[Partition]:
        """Return partitions that have a record behind their start; none only if there are none."""
        async with aclosing(self.read(starts)) as chunks:
            async for records in chunks:
                return {Partition(record.topic, record.partition) for record in records}
        return set()

    def last_ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return where partitions that were just read end, open transactions and all: it never goes back."""
        return {place: self._consumer.highwater(TopicPartition(*place)) or 0 for place in partitions}

    async def beginnings(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset of the oldest record that each partition still has."""
        found = await self._consumer.beginning_offsets([TopicPartition(*place) for place in partitions])
        return {Partition(*tp): offset for tp, offset in found.items()}


@asynccontextmanager
async def partition_reader(cluster: Cluster, topics: Sequence[str]) -> AsyncIterator[PartitionReader]:
    """Give a reader of these topics.

    Raises:
        MissingTopicError: one of them does not exist.
        BrokerUnavailableError: nobody answers, or stops to.
        KafkaAccessError: the broker refuses us.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.brokers,
        auto_offset_reset="earliest",  # also where an offset is gone
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
        **cluster.security.client_options(),
    )
    async with connected(consumer, cluster, topics=topics) as partitions:
        try:
            yield PartitionReader(consumer, partitions)
        except NOT_ALLOWED:
            raise
        except KafkaError as error:
            raise unavailable(cluster, error) from error
