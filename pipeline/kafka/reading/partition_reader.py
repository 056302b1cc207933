"""Reading given partitions up to their present end, outside any consumer group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.reading.consumer import connected, to_record
from pipeline.kafka.reading.partition_ends import Approach, end_of
from pipeline.kafka.refusals import NOT_ALLOWED
from pipeline.messages.record import Partition, Record

_POLL_MILLISECONDS = 200
_TOO_NEW = -1  # Tansu's timestamp if it has no record from that time on


class PartitionReader:
    """Reads some topics; use it by `partition_reader`."""

    def __init__(self, consumer: Any, partitions: Sequence[Partition]) -> None:
        self._consumer = consumer
        self.partitions = sorted(partitions)  # those of all topics

    async def offsets_at(self, partitions: Sequence[Partition], time: datetime) -> dict[Partition, int]:
        """Return the offset of each partition's first record from `time` on; the end, if there is none."""
        times = {TopicPartition(*partition): int(time.timestamp() * 1000) for partition in partitions}
        ends = await self._consumer.end_offsets(
            list(times)
        )  # too low on Tansu: then more is read than must be
        found = await self._consumer.offsets_for_times(times)
        is_found = {tp: at is not None and at.timestamp != _TOO_NEW for tp, at in found.items()}
        return {Partition(*tp): found[tp].offset if is_found.get(tp) else ends[tp] for tp in times}

    async def read(self, starts: Mapping[Partition, int]) -> AsyncGenerator[list[Record], None]:
        """Yield committed records from these offsets to the ends, in chunks; an offset that is gone means the oldest.

        The end is the one in the answers to fetches, before any open transaction: to a request for the end Tansu
        answers something else. What no application sees is skipped, also at the end: aborted records, transaction
        markers, and holes that compaction left.

        Raises:
            BrokerUnavailableError: the broker sends nothing.
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
        """Return a lower bound for the offset of each partition's next committed record.

        If no record that an application sees follows a start, the bound is the start itself: transaction markers,
        aborted records and holes at the end are not work that waits.

        Raises:
            BrokerUnavailableError: the broker sends nothing.
        """
        ends, pending = dict(starts), dict(starts)
        # A partition with a record shows at once, and may have millions. So the others are then read without it.
        while with_records := await self._with_records(pending):
            for partition in with_records:
                ends[partition] = end_of(self._consumer, TopicPartition(*partition)) or 0
                del pending[partition]
        return ends

    async def _with_records(self, starts: Mapping[Partition, int]) -> set[Partition]:
        """Return some partitions that have a record after their start; empty if no partition has one."""
        async with aclosing(self.read(starts)) as chunks:
            async for records in chunks:
                return {Partition(record.topic, record.partition) for record in records}
        return set()

    def last_ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return where partitions that were just read end. Open transactions count, so an end never moves back."""
        return {
            partition: self._consumer.highwater(TopicPartition(*partition)) or 0 for partition in partitions
        }

    async def beginnings(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset of the oldest record that each partition still has."""
        found = await self._consumer.beginning_offsets(
            [TopicPartition(*partition) for partition in partitions]
        )
        return {Partition(*tp): offset for tp, offset in found.items()}


@asynccontextmanager
async def partition_reader(cluster: Cluster, topics: Sequence[str]) -> AsyncIterator[PartitionReader]:
    """Give a reader of these topics.

    Raises:
        MissingTopicError: one of them does not exist.
        BrokerUnavailableError: no broker answers, or it stops answering.
        KafkaAccessError: the broker refuses us.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.brokers,
        auto_offset_reset="earliest",  # applies if an offset is gone, too
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
