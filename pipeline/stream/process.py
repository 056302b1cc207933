"""The process around an agent: from settings to a running stream that stops cleanly. It is the same for every role."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.acls import Needs, check_acls
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.unreadable import on_unreadable_batch
from pipeline.kafka.refusals import describe_failure
from pipeline.kafka.topics import ensure_topics
from pipeline.monitor.backlog import GroupBacklog, count_waiting
from pipeline.monitor.health import Health, Progress
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.probes import ProbeServer
from pipeline.monitor.readiness import Readiness
from pipeline.monitor.watchdog import watched
from pipeline.outage import until_it_works
from pipeline.settings import Settings
from pipeline.stopping import Stop, unless
from pipeline.stream.agent import Agent
from pipeline.stream.faust_app import StreamSource
from pipeline.stream.stream import Stream
from pipeline.stream.topic_keeper import TopicKeeper
from pipeline.topology import POSTS_DEAD, Role, topic_names

logger = logging.getLogger(__name__)

# For leaving the group, and for closing a client: each may hang if the broker is gone.
_LEAVE_SECONDS = 1.0

# Makes the agent, once there is a publisher and the ACLs are there.
BuildAgent = Callable[[Publisher], Awaitable[Agent]]


class AgentProcess:
    """Runs the agent of one role: serves its probes and metrics, connects, feeds it, watches it, stops it.

    Attributes:
        health: what `/livez` and `/readyz` say.
        progress: when something last moved; the watchdog reads it.
    """

    def __init__(self, role: Role, settings: Settings, metrics: Metrics) -> None:
        self._role = role
        self._settings = settings
        self._metrics = metrics
        self._cluster = Cluster.of(settings)
        self._topics: TopicKeeper | None = None  # set as soon as there is a publisher
        readiness = Readiness(needs_llm=role.needs_llm)
        self.health = Health(readiness)
        self.progress = Progress(metrics)
        metrics.build.info({"role": role.name})
        metrics.ready.set_function(lambda: float(readiness.status.is_ready))
        on_unreadable_batch(lambda _: metrics.unreadable_batches.inc())

    async def run(self, build: BuildAgent, *, stop: Stop) -> int:
        """Run until the process is to stop or the stream cannot go on; returns the exit status."""
        loop = asyncio.get_running_loop()
        self._metrics.event_loop_tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
        host, port = self._settings.metrics_host, self._settings.metrics_port
        server = ProbeServer(self.health, self._metrics.registry, host=host, port=port)
        logger.info("%s: metrics and probes on %s", self._role.name, server.url)
        beat = asyncio.create_task(self.health.beat())
        try:
            async with self._publisher(stop) as publisher:
                stream = await unless(self._connect(publisher, build), stop.wait()) if publisher else None
                if stream is not None:
                    return await self._feed(stream, stop)
                self.health.readiness.stopping()
                return 0
        finally:
            beat.cancel()
            server.close()

    @asynccontextmanager
    async def _publisher(self, stop: Stop) -> AsyncIterator[Publisher | None]:
        """Give a connected publisher once every topic exists; None if the process is to stop before that."""
        readiness = self.health.readiness

        async def connect() -> Publisher:
            await ensure_topics(self._settings)
            return await Publisher.connect(self._cluster, on_failure=self._note_publish_failure)

        publisher = await unless(
            until_it_works(connect, on=BrokerUnavailableError, on_failure=readiness.connecting), stop.wait()
        )
        if publisher is None:
            yield None
            return
        readiness.connecting("joining the consumer group")
        try:
            yield publisher
        finally:
            await _within(publisher.close(), _LEAVE_SECONDS)

    async def _connect(self, publisher: Publisher, build: BuildAgent) -> Stream:
        """Check the ACLs, make the agent, and return the stream that will feed it."""
        await self._check_acls()
        agent = await build(publisher)

        async def make_topics() -> None:
            if await ensure_topics(self._settings):
                publisher.renew()  # a broker that has lost topics may have lost what it knew of producers

        self._topics = TopicKeeper(make_topics, on_lost=publisher.renew)
        return Stream(
            agent,
            StreamSource.of(self._role, self._settings),
            progress=self.progress,
            readiness=self.health.readiness,
            topics=self._topics,
        )

    def _note_publish_failure(self) -> None:
        """Note that the broker does not accept records: one of the topics may be missing."""
        self.progress.move()
        if self._topics is not None:
            self._topics.note_missing()

    async def _check_acls(self) -> None:
        """Raise `KafkaAccessError` if an ACL is missing; wait for a broker that is away."""
        role, settings = self._role, self._settings
        needs = Needs(
            read=topic_names(settings, (role.reads, *role.reads_back)),
            group=role.group(settings),
            write=topic_names(settings, (*role.writes, POSTS_DEAD)),
        )
        await until_it_works(
            lambda: check_acls(self._cluster, needs), on=BrokerUnavailableError, on_failure=lambda _: None
        )

    async def _feed(self, stream: Stream, stop: Stop) -> int:
        """Feed the agent until the process is to stop or the stream cannot go on; returns the exit status."""
        name, settings = self._role.name, self._settings
        logger.info("%s: running against %s", name, settings.brokers)
        backlog = GroupBacklog(
            self._cluster, group=self._role.group(settings), topic=self._role.reads.name(settings)
        )

        async def count() -> int:
            # An agent without partitions is idle only if its group has no work either.
            positions = stream.positions() if stream.is_member else {}
            return await count_waiting(self._cluster, positions) if positions else await backlog.count()

        async with watched(count, self.progress, self.health, settings=settings):
            failure = await unless(stream.run_until_failure(), stop.wait())
        if failure is None:
            self.health.readiness.stopping()
        else:
            logger.error("%s: ending, for the stream cannot go on: %s", name, describe_failure(failure))
        await _within(stream.stop(settings.stop_seconds), settings.stop_seconds + _LEAVE_SECONDS)
        return 0 if failure is None else 1


async def _within(work: Awaitable[None], seconds: float) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        logger.warning("the broker did not answer our leaving in time; the group will notice by itself")
