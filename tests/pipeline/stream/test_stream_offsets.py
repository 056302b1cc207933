"""Offsets that no application sees, on Apache Kafka: transactions committed and aborted, holes of compaction."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.topics import ensure_topics, group_offsets
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import find_free_port
from pipeline.messages.record import Partition
from pipeline.monitor.backlog import count_waiting
from pipeline.monitor.metrics import Metrics
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.stream.streams import RecordingAgent, lag, running_stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]

_PLACE = Partition("posts", 0)


class EagerKafka(ApacheKafka):
    """A node that compacts at once."""

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | {
            "log.cleaner.backoff.ms": 200,
            "log.cleaner.min.cleanable.ratio": 0.01,
        }


@pytest.fixture
async def settings() -> AsyncIterator[Settings]:
    program, port = kafka_or_skip(), find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        kafka = EagerKafka(program, Path(folder), [port])
        async with started(kafka):
            yield Settings(brokers=kafka.brokers, topic_partitions=1)


@asynccontextmanager
async def _transactions(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, transactional_id="foreign")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, *numbers: int) -> None:
    for number in numbers:
        await producer.send_and_wait("posts", str(number).encode(), partition=0)


async def _until_async(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.1)


async def _is_all_committed(settings: Settings, end: int) -> bool:
    try:
        committed = (await group_offsets(Cluster.of(settings), "group")).get(_PLACE, 0)
    except BrokerUnavailableError:  # a new broker has no coordinator at first
        return False
    return committed == end and await count_waiting(Cluster.of(settings), {_PLACE: committed}) == 0


async def test_after_transactions_everything_is_committed_and_the_lag_is_zero(settings: Settings) -> None:
    """After two committed transactions and an aborted one, the agent sees only the committed posts."""
    await ensure_topics(settings)
    agent, metrics = RecordingAgent(), Metrics("annotate")
    async with running_stream(settings, agent, metrics=metrics), _transactions(settings) as producer:
        for first in (0, 3):
            async with producer.transaction():
                await _send(producer, first, first + 1, first + 2)
        await until(lambda: len(agent.seen) == 6)
        await producer.begin_transaction()
        await _send(producer, 90, 91)
        await producer.abort_transaction()
        # 6 posts, 2 commit markers, 2 posts that were taken back, 1 abort marker.
        await _until_async(lambda: _is_all_committed(settings, 11))
        await until(lambda: lag(metrics) == 0)
        async with producer.transaction():
            await _send(producer, 6)
        await until(lambda: 6 in agent.seen)
        await _until_async(lambda: _is_all_committed(settings, 13))
    assert agent.seen == list(range(7))


async def test_records_of_an_open_transaction_are_not_counted_before_its_commit(settings: Settings) -> None:
    """They are neither read nor counted as lag; once it is committed they are both."""
    await ensure_topics(settings)
    agent, metrics = RecordingAgent(), Metrics("annotate")
    async with running_stream(settings, agent, metrics=metrics), _transactions(settings) as producer:
        async with producer.transaction():
            await _send(producer, 0)
        await _until_async(lambda: _is_all_committed(settings, 2))
        await producer.begin_transaction()
        await _send(producer, 1, 2)
        await asyncio.sleep(2.0)  # time for records that must not come
        assert agent.seen == [0]
        assert lag(metrics) == 0
        assert await count_waiting(Cluster.of(settings), {_PLACE: 2}) == 0
        await producer.commit_transaction()
        await until(lambda: agent.seen == [0, 1, 2])
        await _until_async(lambda: _is_all_committed(settings, 5))


async def test_a_member_that_sees_no_record_commits_past_control_records(settings: Settings) -> None:
    """If a partition holds only an aborted transaction, the group's offset passes it, and no record waits."""
    await ensure_topics(settings)
    async with _transactions(settings) as producer:
        await producer.begin_transaction()
        await _send(producer, 0, 1)
        await producer.abort_transaction()
    agent, metrics = RecordingAgent(), Metrics("annotate")
    async with running_stream(settings, agent, metrics=metrics):
        await _until_async(lambda: _is_all_committed(settings, 3))
        await until(lambda: lag(metrics) == 0)
    assert agent.seen == []


async def test_holes_of_compaction_are_passed(settings: Settings) -> None:
    """After compaction removed the last records of a segment, the rest is read once, and the lag is 0."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    config = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01"}
    config |= {"delete.retention.ms": "0"}
    await admin.create_topics([NewTopic("posts", 1, 1, topic_configs=config)])
    await admin.close()
    await ensure_topics(settings)
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    for number in range(20):
        await producer.send_and_wait("posts", str(number).encode(), key=b"the same", partition=0)
        await asyncio.sleep(0.02)
    # A tombstone of the key that compaction then drops too, and records of another key that roll the segment.
    await asyncio.sleep(0.5)
    await producer.send_and_wait("posts", b"20", key=b"other", partition=0)

    async def is_compacted() -> bool:
        reader = RecordingAgent()
        async with running_stream(settings, reader, group=f"look-{asyncio.get_running_loop().time()}"):
            await until(lambda: 20 in reader.seen)
        return len(reader.seen) < 15

    await _until_async(is_compacted)
    agent, metrics = RecordingAgent(), Metrics("annotate")
    async with running_stream(settings, agent, metrics=metrics):
        await until(lambda: 20 in agent.seen)
        await _until_async(lambda: _is_all_committed(settings, 21))
        await until(lambda: lag(metrics) == 0)
    assert len(agent.seen) == len(set(agent.seen)) < 21
    await producer.stop()
