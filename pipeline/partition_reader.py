"""Reading given partitions up to their present end, outside any consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka_connection import connected
from pipeline.kafka_refusal import NOT_ALLOWED
from pipeline.kafka_security import kafka_security
from pipeline.records import Partition, Record
from pipeline.settings import Settings
from pipeline.topic_reader import to_record

# An end that does not come nearer for this long is a broker in trouble.
_MAX_STILL_SECONDS = 30.0
_POLL_MILLISECONDS = 200
_TOO_NEW = -1  # Tansu's way to say that it has no record so young


class PartitionReader:
    """Reads some topics; use it by `partition_reader`."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        # Of all topics at first; assigning some of them replaces the subscription.
        self.partitions = sorted(Partition(*tp) for tp in consumer.assignment())
        consumer.unsubscribe()

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
        """Yield what lies from these offsets to the ends, in chunks; an offset that is gone means the oldest.

        The end is what the fetched records say it is: asked for it, Tansu answers something else.

        Raises:
            BrokerUnavailableError: nothing comes.
        """
        tps = {TopicPartition(*partition): offset for partition, offset in starts.items()}
        if not tps:
            return
        self._consumer.assign(list(tps))
        for tp, offset in tps.items():
            self._consumer.seek(tp, offset)
        progress = asyncio.get_running_loop().time()
        while not await self._is_at_end(tps):
            if asyncio.get_running_loop().time() - progress > _MAX_STILL_SECONDS:
                raise BrokerUnavailableError(f"{', '.join(tp.topic for tp in tps)}: the broker sends nothing")
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
            if fetched:
                yield [to_record(message) for messages in fetched.values() for message in messages]
                progress = asyncio.get_running_loop().time()

    async def ends(self, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the offset that the next record of each partition will have.

        Raises:
            BrokerUnavailableError: nothing comes.
        """
        ends: dict[Partition, int] = {}
        async for _ in self.read(starts):
            known = {place: self._consumer.highwater(TopicPartition(*place)) for place in starts}
            ends = {place: end for place, end in known.items() if end is not None}
            if len(ends) == len(starts):  # each broker tells of its own partitions with its first answer
                return ends
        return {place: self._consumer.highwater(TopicPartition(*place)) for place in starts}

    async def beginnings(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset of the oldest record that each partition still has."""
        found = await self._consumer.beginning_offsets([TopicPartition(*place) for place in partitions])
        return {Partition(*tp): offset for tp, offset in found.items()}

    async def _is_at_end(self, tps: Mapping[TopicPartition, int]) -> bool:
        for tp in tps:
            end = self._consumer.highwater(tp)
            if end is None or await self._consumer.position(tp) < end:
                return False
        return True


@asynccontextmanager
async def partition_reader(settings: Settings, topics: Sequence[str]) -> AsyncIterator[PartitionReader]:
    """Give a reader of these topics, which exist.

    Raises:
        BrokerUnavailableError: nobody answers, or stops to.
        KafkaAccessError: the broker refuses us.
    """
    security = kafka_security(settings)
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.brokers,
        auto_offset_reset="earliest",  # also where an offset is gone
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        **security.client_options(),
    )
    async with connected(consumer, settings.brokers, security):
        try:
            yield PartitionReader(consumer)
        except NOT_ALLOWED:
            raise
        except KafkaError as error:
            raise BrokerUnavailableError(f"the broker at {settings.brokers} fails: {error}") from error
