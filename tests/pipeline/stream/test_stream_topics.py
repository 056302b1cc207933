"""Topics that are deleted while an agent runs, and a broker that comes back without its data."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics, group_offsets
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing, Record
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.readiness import Readiness, State
from pipeline.settings import Settings
from pipeline.stream.agent import Finish
from tests.pipeline.kafka.brokers import APACHE, kafka_or_skip, started
from tests.pipeline.stream.streams import RecordingAgent, lag, running_stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]


async def _produce(settings: Settings, numbers: range) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish([Outgoing("posts", str(n).encode(), str(n).encode()) for n in numbers])
    await publisher.close()


@pytest.mark.timeout(240)
async def test_an_agent_goes_on_after_the_broker_has_lost_everything(tmp_path: Path) -> None:
    """It is not ready while the broker is away, makes the topics again, and reads them from their beginning."""
    kafka_or_skip()
    port = find_free_port()
    settings = APACHE.settings(port)
    agent, readiness = RecordingAgent(), Readiness()
    async with started(APACHE.make(tmp_path, port)) as first:
        await ensure_topics(settings)
        await _produce(settings, range(20))
        async with running_stream(settings, agent, readiness=readiness) as running:
            await until(lambda: len(agent.seen) == 20)
            await until(lambda: readiness.status.is_ready)
            for process in first.processes:
                await process.kill()
            await until(lambda: readiness.status.state is State.CONNECTING)
            shutil.rmtree(tmp_path / "node-1" / "data")
            await first.start()
            await until(lambda: readiness.status.is_ready)
            await _produce(settings, range(100, 110))
            await until(lambda: len(agent.seen) == 30)
            assert not running.done()
    assert sorted(agent.seen) == [*range(20), *range(100, 110)]


async def test_a_deleted_topic_is_made_again_and_read_from_its_beginning() -> None:
    """The agent is not ready and names the topic, then is ready again; it misses no record of the new topic."""
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


async def test_a_log_that_ends_before_the_committed_offset_is_read_again() -> None:
    """If a broker has older data again, or a wrong offset was committed, no record is dropped silently."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        await _produce(settings, range(10))
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.brokers, group_id="group", enable_auto_commit=False
        )
        await consumer.start()
        places = [TopicPartition("posts", number) for number in range(settings.topic_partitions)]
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, 1_000))
        await consumer.stop()
        agent, metrics = RecordingAgent(), Metrics("annotate")
        async with running_stream(settings, agent, metrics=metrics):
            await until(lambda: len(agent.seen) == 10)
            await until(lambda: lag(metrics) == 0)
            await _produce(settings, range(10, 15))
            await until(lambda: len(agent.seen) == 15)
        after = await group_offsets(Cluster.of(settings), "group")
    assert sorted(agent.seen) == list(range(15))
    assert sum(after.values()) == 15


async def test_a_topic_made_again_beside_a_running_agent_is_read_whole() -> None:
    """If it is deleted and made again at once, no offset of the old topic counts for the new one."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        await _produce(settings, range(50))
        is_held, hold = asyncio.Event(), asyncio.Event()

        class Holding(RecordingAgent):
            async def process(
                self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event
            ) -> None:
                await super().process(records, finish, stopping)
                if len(self.seen) >= 40:
                    is_held.set()
                    await hold.wait()

        agent = Holding()
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
        await admin.start()
        async with running_stream(settings, agent) as running:
            await asyncio.wait_for(is_held.wait(), 60)
            await admin.delete_topics(["posts"])
            async with asyncio.timeout(30):
                while "posts" in await admin.list_topics():
                    await asyncio.sleep(0.05)
            await ensure_topics(settings)
            hold.set()
            await _produce(settings, range(100, 200))
            await until(lambda: set(range(100, 200)) <= set(agent.seen), running)
        await admin.close()
