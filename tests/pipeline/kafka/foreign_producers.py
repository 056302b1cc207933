"""What others do to topics of a real broker: codecs, transactions, damage; and a stream that reads them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record.util import calc_crc32c

from pipeline.messages.record import Record
from pipeline.settings import Settings
from pipeline.stream.agent import Finish
from tests.pipeline.stream.streams import make_stream

CODECS = ("gzip", "snappy", "lz4", "zstd")

_HEADER_BYTES = 61  # size of a batch's header, before its records
_CRC, _BEHIND_CRC = slice(17, 21), 21


async def make_topics(
    brokers: str, names: Iterable[str], *, configs: Mapping[str, str] | None = None, num_partitions: int = 1
) -> None:
    """Create topics as the administrator of a cluster does."""
    async with _admin(brokers) as admin:
        await admin.create_topics(
            [NewTopic(name, num_partitions, 1, topic_configs=dict(configs or {})) for name in names]
        )


async def delete_topics(brokers: str, names: Sequence[str]) -> None:
    """Delete topics; returns once the broker knows of them no more."""
    async with _admin(brokers) as admin:
        await admin.delete_topics(list(names))
        while set(names) & set(await admin.list_topics()):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _admin(brokers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def producer(brokers: str, **options: Any) -> AsyncIterator[Any]:
    """Give a producer with aiokafka's options (`compression_type`, `transactional_id`)."""
    client = AIOKafkaProducer(bootstrap_servers=brokers, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def send_batch(client: Any, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Send the values in one batch, their own keys."""
    batch = client.create_batch()
    for value in values:
        assert batch.append(key=value, value=value, timestamp=None) is not None
    batch.close()
    await (await client.send_batch(batch, topic, partition=partition))


async def until_marked(brokers: str, topic: str) -> None:
    """Return once each ended transaction on partition 0 has its mark; a commit returns before that."""
    place = TopicPartition(topic, 0)
    while (
        len({await _end_for(brokers, place, level) for level in ("read_committed", "read_uncommitted")}) > 1
    ):
        await asyncio.sleep(0.05)


async def _end_for(brokers: str, place: TopicPartition, isolation_level: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, isolation_level=isolation_level)
    await consumer.start()
    try:
        return int((await consumer.end_offsets([place]))[place])
    finally:
        await consumer.stop()


class Recorder:
    """An agent that only keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        self.records += records
        for record in records:
            finish(record)

    def on_rebalance(self) -> None:
        """Nothing to do."""


async def consume(settings: Settings, topic: str, last: bytes, *, group: str = "group") -> list[Record]:
    """Return the records that our stream reads of the topic, up to one with this value."""
    agent = Recorder()
    stream = make_stream(agent, settings, max_records=100, group=group, topic=topic)
    running = asyncio.ensure_future(stream.run_until_failure())
    try:
        async with asyncio.timeout(60):
            while all(record.value != last for record in agent.records):
                assert not running.done(), running.result()
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await stream.stop(2.0)
    return agent.records


def damage(folder: Path, topic: str, offset: int, *, fits_checksum: bool) -> None:
    """Overwrite the records of the batch at this offset in partition 0 on a stopped broker's disk."""
    (file,) = folder.glob(f"node-1/data/{topic}-0/*.log")
    data = bytearray(file.read_bytes())
    start = 0
    while int.from_bytes(data[start : start + 8]) != offset:
        start = _end(data, start)
    end = _end(data, start)
    assert end - start > _HEADER_BYTES, "no such batch"
    data[start + _HEADER_BYTES : end] = b"\xa5" * (end - start - _HEADER_BYTES)
    if fits_checksum:
        batch = data[start:end]
        batch[_CRC] = struct.pack(">I", calc_crc32c(bytes(batch[_BEHIND_CRC:])))
        data[start:end] = batch
    file.write_bytes(data)


def _end(data: bytearray, start: int) -> int:
    return start + 12 + int.from_bytes(data[start + 8 : start + 12])
