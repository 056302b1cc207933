"""A group that changes at bad moments, on Apache Kafka: no record is dropped, and no member stays idle."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Outgoing
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.readiness import Readiness
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import APACHE, kafka_or_skip
from tests.pipeline.stream.streams import RecordingAgent, lag, make_stream, running_stream, until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]


@pytest.fixture
async def settings() -> AsyncIterator[Settings]:
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        yield settings


async def _produce(settings: Settings, numbers: range, *, topic: str = "posts") -> None:
    publisher = await Publisher.connect(Cluster(settings.brokers))
    await publisher.publish([Outgoing(topic, str(n).encode(), str(n).encode()) for n in numbers])
    await publisher.close()


class Stalling(RecordingAgent):
    """Holds up the event loop when it gets its partitions a second time."""

    num_rebalances = 0

    def on_rebalance(self) -> None:
        self.num_rebalances += 1
        if self.num_rebalances == 2:
            time.sleep(0.3)


@pytest.mark.parametrize("number", range(3))
async def test_records_that_come_while_the_group_changes_are_read(settings: Settings, number: int) -> None:
    """Nothing was committed yet, and Faust drops records fetched meanwhile: they are fetched again."""
    agent, metrics = Stalling(), Metrics("annotate")
    stream = make_stream(agent, settings, metrics=metrics)
    is_produced = False

    async def produce(*_: Any, **__: Any) -> None:
        nonlocal is_produced
        if agent.num_rebalances == 1 and not is_produced:
            is_produced = True
            await _produce(settings, range(20))

    stream._app.on_partitions_revoked.connect(produce)
    running = asyncio.ensure_future(stream.run_until_failure())
    try:
        await until(lambda: stream.is_member and agent.num_rebalances == 1, running)
        await asyncio.sleep(1.0 + number / 3)  # A fetch takes a second, so several moments of it are tried.
        await stream._consumer.join_again()
        await until(lambda: is_produced and set(range(20)) <= set(agent.seen), running)
        await until(lambda: lag(metrics) == 0, running)
    finally:
        running.cancel()
        await asyncio.wait_for(stream.stop(2.0), 8.0)


async def test_a_follower_that_misses_the_topic_for_a_moment_goes_on(settings: Settings) -> None:
    """A broker gives one member a stale answer, which the group's leader has not seen: the member joins again."""
    agents, readiness = [RecordingAgent(), RecordingAgent()], [Readiness(), Readiness()]
    streams = [
        make_stream(agent, settings, readiness=state) for agent, state in zip(agents, readiness, strict=True)
    ]
    running = [asyncio.ensure_future(stream.run_until_failure()) for stream in streams]
    try:
        await until(lambda: all(state.status.is_ready for state in readiness))
        await until(lambda: all(len(stream.positions()) == 1 for stream in streams))
        clients = {stream: stream._consumer._thread.client for stream in streams}
        (follower,) = (s for s, c in clients.items() if c._consumer._coordinator._group_subscription is None)
        generation = follower._consumer.generation
        cluster = clients[follower]._consumer._client.cluster
        cluster._partitions = {}
        clients[follower]._note_missing_topic(cluster)  # as the client reports each answer
        await until(lambda: follower._consumer.generation > generation)
        await _produce(settings, range(40))
        await until(lambda: {n for agent in agents for n in agent.seen} == set(range(40)))
        await until(lambda: all(state.status.is_ready for state in readiness))
    finally:
        for run in running:
            run.cancel()
        for stream in streams:
            await asyncio.wait_for(stream.stop(2.0), 8.0)


@pytest.mark.parametrize("request_name", ["_maybe_refresh_commit_offsets", "_do_heartbeat"])
async def test_a_request_of_the_group_that_fails_once_is_made_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, request_name: str
) -> None:
    """The client abandons the request; the stream joins again, and all records are read."""
    original = getattr(GroupCoordinator, request_name)
    num_calls = 0

    async def fail_once(self: Any, *arguments: Any) -> Any:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 1:
            raise KafkaError("once")
        return await original(self, *arguments)

    monkeypatch.setattr(GroupCoordinator, request_name, fail_once)
    agent, readiness = RecordingAgent(), Readiness()
    await _produce(settings, range(10))
    async with running_stream(settings, agent, readiness=readiness) as running:
        await until(lambda: len(agent.seen) >= 10, running)
        await until(lambda: num_calls >= 3 and readiness.status.is_ready, running)
    assert set(agent.seen) == set(range(10))
