"""Topics that go while an agent runs, and a broker that comes back without its data."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka_admin import ensure_topics
from pipeline.local_process import find_free_port
from pipeline.local_stack import LocalBroker
from pipeline.publisher import Outgoing, Publisher
from pipeline.readiness import Readiness, State
from pipeline.settings import Settings
from tests.pipeline.brokers import APACHE, kafka_or_skip, started
from tests.pipeline.streams import RecordingAgent, running_stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]


async def _produce(settings: Settings, numbers: range) -> None:
    publisher = await Publisher.connect(settings.brokers, is_idempotent=settings.producer_idempotence)
    await publisher.publish([Outgoing("posts", str(n).encode(), str(n).encode()) for n in numbers])
    await publisher.close()


@asynccontextmanager
async def _broker(port: int) -> AsyncIterator[LocalBroker]:
    """Run a broker in a folder of its own, so that each begins without data."""
    kafka_or_skip()
    with tempfile.TemporaryDirectory() as folder:
        broker = APACHE.make(Path(folder), port)
        async with started(broker):
            yield broker


@pytest.mark.timeout(240)
async def test_an_agent_goes_on_after_the_broker_has_lost_everything() -> None:
    """It is not ready while the broker is away, makes the topics again, and reads them from their beginning."""
    port = find_free_port()
    settings = APACHE.settings(port)
    agent, readiness = RecordingAgent(), Readiness()
    async with _broker(port) as first:
        await ensure_topics(settings)
        await _produce(settings, range(20))
        stream = running_stream(settings, agent, readiness=readiness)
        running = await stream.__aenter__()
        await until(lambda: len(agent.seen) == 20)
        assert readiness.status.is_ready
        for process in first.processes:
            await process.kill()
        await until(lambda: readiness.status.state is State.CONNECTING)
    async with _broker(port):
        await until(lambda: readiness.status.is_ready)
        assert not running.done()
        await _produce(settings, range(100, 110))
        await until(lambda: len(agent.seen) == 30)
        await stream.__aexit__(None, None, None)
    assert sorted(agent.seen) == [*range(20), *range(100, 110)]


async def test_a_deleted_topic_is_made_again_and_read_from_its_beginning() -> None:
    """Not ready with the topic's name, ready again within seconds; nothing that the new topic gets is passed over."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        await _produce(settings, range(20))
        agent, readiness = RecordingAgent(), Readiness()
        states: list[str] = []
        async with running_stream(settings, agent, readiness=readiness):
            await until(lambda: len(agent.seen) == 20)
            admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
            await admin.start()
            await admin.delete_topics(["posts"])
            await admin.close()
            async with asyncio.timeout(60):
                while readiness.status.state is not State.NO_TOPIC:
                    await asyncio.sleep(0.01)
            states.append(readiness.status.reason)
            await until(lambda: readiness.status.is_ready)
            await _produce(settings, range(100, 110))
            await until(lambda: len(agent.seen) == 30)
    assert states == ["no topic 'posts': making it again"]
    assert sorted(agent.seen) == [*range(20), *range(100, 110)]
