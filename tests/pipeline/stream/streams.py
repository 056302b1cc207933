"""A stream around an agent of a test, on a running broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Record
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.readiness import Readiness
from pipeline.settings import Settings
from pipeline.stream.agent import Agent, Finish
from pipeline.stream.faust_app import StreamSource
from pipeline.stream.stream import Stream
from pipeline.stream.topic_keeper import TopicKeeper


def make_stream(
    agent: Agent,
    settings: Settings,
    *,
    metrics: Metrics | None = None,
    readiness: Readiness | None = None,
    max_records: int = 10,
    max_wait_seconds: float = 0.1,
    group: str = "group",
    topic: str = "posts",
) -> Stream:
    """Return a stream of the topic, not yet running."""
    source = StreamSource(
        Cluster.of(settings),
        group,
        topic,
        max_records=max_records,
        max_wait_seconds=max_wait_seconds,
        session_seconds=settings.group_session_seconds,
    )

    async def make_topics() -> None:
        await ensure_topics(settings)

    return Stream(
        agent,
        source,
        progress=Progress(metrics or Metrics("annotate")),
        readiness=readiness or Readiness(),
        topics=TopicKeeper(make_topics),
    )


class RecordingAgent:
    """Finishes every record, whose value is a number, and keeps it."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_rebalance(self) -> None:
        """Note nothing."""

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        for record in records:
            self.seen.append(int(record.value or b""))
            finish(record)


@asynccontextmanager
async def running_stream(
    settings: Settings,
    agent: Agent,
    *,
    metrics: Metrics | None = None,
    readiness: Readiness | None = None,
    group: str = "group",
) -> AsyncIterator[asyncio.Future[BaseException]]:
    """Run a stream for as long as the context lives; gives a future that ends only if the stream fails."""
    stream = make_stream(agent, settings, metrics=metrics, readiness=readiness, group=group)
    running = asyncio.ensure_future(stream.run_until_failure())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait_for(stream.stop(2.0), 8.0)


async def until(condition: Callable[[], bool], running: asyncio.Future[BaseException] | None = None) -> None:
    """Return once the condition holds; fails with the stream's failure if that comes first."""
    async with asyncio.timeout(60):
        while not condition():
            assert running is None or not running.done(), repr(running.result())
            await asyncio.sleep(0.05)


def lag(metrics: Metrics) -> float | None:
    """Return the lag of all partitions together, or None if none is shown."""
    samples = [sample.value for metric in metrics.lag.collect() for sample in metric.samples]
    return sum(samples) if samples else None
