"""The embedded broker behind its proxy: what clients that know only Kafka can rely on."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.local.tansu import proxy
from pipeline.local.tansu.translation import Conversation
from pipeline.messages.record import Outgoing
from tests.pipeline.kafka.brokers import EMBEDDED

pytestmark = pytest.mark.e2e

_PRODUCE = 0


class _LosesAnswers(Conversation):
    """Closes the connection instead of the first answers to Produce: the broker has the records nevertheless."""

    num_to_lose = 0
    _last_key = -1

    def request(self, frame: bytes) -> bytes:
        self._last_key = int.from_bytes(frame[:2])
        return super().request(frame)

    def answer(self, frame: bytes) -> bytes:
        if self._last_key == _PRODUCE and _LosesAnswers.num_to_lose > 0:
            _LosesAnswers.num_to_lose -= 1
            raise ConnectionResetError
        return super().answer(frame)


@asynccontextmanager
async def _broker_with_topic(num_partitions: int = 1) -> AsyncIterator[str]:
    async with EMBEDDED.running() as settings:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
        await admin.start()
        await admin.create_topics([NewTopic("posts", num_partitions, 1)])
        await admin.close()
        yield settings.brokers


async def _read(brokers: str, num_records: int) -> list[bytes]:
    """Return all records there are, once they are at least so many and no more come."""
    consumer = AIOKafkaConsumer("posts", bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    values: list[bytes] = []
    try:
        async with asyncio.timeout(30):
            while len(values) < num_records:
                values.append((await consumer.getone()).value)
        while more := await consumer.getmany(timeout_ms=500):
            values += [record.value for records in more.values() for record in records]
    finally:
        await consumer.stop()
    return values


@pytest.mark.parametrize("is_idempotent", [True, False])
async def test_a_retry_doubles_nothing_where_the_producer_is_idempotent(
    is_idempotent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three answers are lost on the way. Each record is there once, or twice if batches are not numbered."""
    monkeypatch.setattr(proxy, "Conversation", _LosesAnswers)
    monkeypatch.setattr(_LosesAnswers, "num_to_lose", 3)
    sent = [f"{number}".encode() for number in range(8)]
    async with _broker_with_topic() as brokers:
        publisher = await Publisher.connect(Cluster(brokers, is_idempotent=is_idempotent))
        for value in sent:
            await publisher.publish([Outgoing("posts", b"key", value)])
        await publisher.close()
        counts = Counter(await _read(brokers, len(sent)))
    assert _LosesAnswers.num_to_lose == 0
    assert set(counts) == set(sent)
    assert counts.total() == (len(sent) if is_idempotent else len(sent) + 3)


async def test_the_default_producer_of_the_client_library_can_be_idempotent() -> None:
    """aiokafka asks for its producer id in version 0."""
    async with _broker_with_topic() as brokers:
        for _ in range(2):
            producer = AIOKafkaProducer(bootstrap_servers=brokers, enable_idempotence=True)
            await producer.start()
            await producer.send_and_wait("posts", b"value")
            await producer.stop()
        assert await _read(brokers, 2) == [b"value", b"value"]


def _group_consumer(brokers: str, **options: object) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        "posts", bootstrap_servers=brokers, group_id="group", auto_offset_reset="earliest", **options
    )


async def _produce(brokers: str, value: bytes, *, partition: int = 0) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    await producer.send_and_wait("posts", value, partition=partition)
    await producer.stop()


async def test_a_group_does_not_wait_for_half_of_a_long_session() -> None:
    """A client that asks for five minutes has its first record long before half of them is over."""
    async with _broker_with_topic() as brokers:
        await _produce(brokers, b"value")
        consumer = _group_consumer(brokers, session_timeout_ms=300_000, rebalance_timeout_ms=300_000)
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 60)
        await consumer.stop()
    assert record.value == b"value"


async def test_a_member_with_rare_heartbeats_stays_in_its_group() -> None:
    """It asked for a session of a minute: what another member's heartbeats bring to light is not that it is gone."""
    async with _broker_with_topic(num_partitions=2) as brokers:
        # Commits would be signs of life too.
        rare = _group_consumer(
            brokers, session_timeout_ms=60_000, heartbeat_interval_ms=12_000, enable_auto_commit=False
        )
        often = _group_consumer(brokers, session_timeout_ms=6_000, heartbeat_interval_ms=500)
        await rare.start()
        await often.start()
        async with asyncio.timeout(90):
            while (len(rare.assignment()), len(often.assignment())) != (1, 1):
                await asyncio.sleep(0.1)
        began = time.monotonic()
        while time.monotonic() - began < 10:  # the session that the broker knows of lasts 6 s
            assert len(often.assignment()) == 1
            await asyncio.sleep(0.1)
        await often.stop()
        await rare.stop()


_MEMBER = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer

async def main():
    consumer = AIOKafkaConsumer("posts", bootstrap_servers=sys.argv[1], group_id="group", auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=300_000)
    await consumer.start()
    print((await consumer.getone()).value.decode(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_member_that_is_killed_is_replaced_long_before_its_session_is_over() -> None:
    """Its connections are closed, so the five minutes that it asked for are not kept for it."""
    async with _broker_with_topic() as brokers:
        await _produce(brokers, b"value")
        member = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MEMBER, brokers, stdout=asyncio.subprocess.PIPE
        )
        assert member.stdout is not None
        assert (await asyncio.wait_for(member.stdout.readline(), 60)).strip() == b"value"
        member.kill()
        await member.wait()
        other = _group_consumer(brokers)
        await other.start()
        record = await asyncio.wait_for(other.getone(), 60)
        await other.stop()
    assert record.value == b"value"
