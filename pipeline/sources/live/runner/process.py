"""The process around one live source: `tocsin source NAME`, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.acls import Needs, check_acls
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.monitor.health import Health, Progress
from pipeline.monitor.probes import ProbeServer
from pipeline.monitor.readiness import Readiness
from pipeline.monitor.watchdog import watched
from pipeline.outage import until_it_works
from pipeline.settings import Settings
from pipeline.sources.live.registry import build_source
from pipeline.sources.live.runner.cursor_store import CursorStore, load_cursor
from pipeline.sources.live.runner.filters import PostFilter
from pipeline.sources.live.runner.intake import Intake
from pipeline.sources.live.runner.metrics import SourceMetrics
from pipeline.sources.live.runner.runner import Runner
from pipeline.sources.live.source import LiveSource
from pipeline.stopping import Stop, unless
from pipeline.stream.topic_keeper import TopicKeeper
from pipeline.topology import CURSORS, POSTS, SOURCE_TOPICS, topic_names

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 1.0
# How often missing topics are looked for, while Kafka does not take our records.
_KEEP_SECONDS = 0.5


async def run_live_source(name: str, settings: Settings) -> int:
    """Publish the posts of this source until SIGTERM or Ctrl-C; returns the exit status.

    Raises:
        TocsinError: the settings, Kafka or the source do not let it run.
    """
    source = build_source(name, settings)
    Cluster.of(settings)  # a mistake in the login's files is reported before anything is begun
    return await SourceProcess(source, settings).run(stop=Stop.on_signal())


class SourceProcess:
    """Serves the probes and metrics of a source, connects, reads it, and stops it."""

    def __init__(self, source: LiveSource, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._metrics = SourceMetrics(source.name)
        self._readiness = Readiness()
        self._health = Health(self._readiness)
        self._progress = Progress(None)
        self._topics: TopicKeeper | None = None
        self._metrics.build.info({"role": f"source {source.name}"})
        self._metrics.ready.set_function(lambda: float(self._readiness.status.is_ready))

    async def run(self, *, stop: Stop) -> int:
        """Run until the process is to stop; returns the exit status."""
        loop, settings = asyncio.get_running_loop(), self._settings
        self._metrics.event_loop_tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
        server = ProbeServer(
            self._health, self._metrics.registry, host=settings.metrics_host, port=settings.metrics_port
        )
        logger.info("source %s: metrics and probes on %s", self._source.name, server.url)
        beat = asyncio.create_task(self._health.beat())
        try:
            async with self._publisher(stop) as publisher:
                if publisher is not None:
                    await self._publish(publisher, stop)
            self._readiness.stopping()
            return 0
        finally:
            beat.cancel()
            server.close()

    @asynccontextmanager
    async def _publisher(self, stop: Stop) -> AsyncIterator[Publisher | None]:
        """Give a connected publisher once the topics exist; None if the process is to stop before that."""

        async def connect() -> Publisher:
            await ensure_topics(self._settings, SOURCE_TOPICS)
            await self._check_acls()
            return await Publisher.connect(Cluster.of(self._settings), on_failure=self._note_publish_failure)

        publisher = await unless(
            until_it_works(connect, on=BrokerUnavailableError, on_failure=self._readiness.connecting),
            stop.wait(),
        )
        try:
            yield publisher
        finally:
            if publisher is not None:
                await _within(publisher.close(), _CLOSE_SECONDS)

    async def _check_acls(self) -> None:
        settings = self._settings
        needs = Needs(topic_names(settings, (CURSORS,)), None, topic_names(settings, SOURCE_TOPICS))
        await check_acls(Cluster.of(settings), needs)

    async def _publish(self, publisher: Publisher, stop: Stop) -> None:
        """Read the source from its cursor on, and publish, until the process is to stop."""
        name = self._source.name
        store = await unless(self._load_store(), stop.wait())
        if store is None:
            return
        logger.info(
            "source %s: from %s to %s at %s",
            *(name, "where it stopped" if store.cursor else "now on"),
            *(POSTS.name(self._settings), self._settings.brokers),
        )
        self._metrics.cursor_age_seconds.set_function(lambda: store.age_seconds)
        runner = self._runner(publisher, store)
        self._topics = TopicKeeper(self._topic_maker(publisher), on_lost=publisher.renew)

        async def count() -> int:
            return runner.num_unpublished

        async with watched(count, self._progress, self._health, settings=self._settings):
            await unless(runner.run(), stop.wait(), self._keep_topics(), runner.keep_cursor())
        self._readiness.stopping()
        await _within(runner.finish(), self._settings.stop_seconds)

    async def _load_store(self) -> CursorStore:
        self._readiness.connecting("looking for the cursor")
        cursor = await until_it_works(
            lambda: load_cursor(self._settings, self._source.key),
            on=BrokerUnavailableError,
            on_failure=self._readiness.connecting,
        )
        self._readiness.connecting(f"connecting to source {self._source.name}")
        return CursorStore(self._settings, self._source.key, cursor)

    def _runner(self, publisher: Publisher, store: CursorStore) -> Runner:
        post_filter = PostFilter(self._settings, done=self._source.filters)
        return Runner(
            self._source,
            publisher,
            store,
            Intake(self._settings, self._metrics, post_filter),
            metrics=self._metrics,
            readiness=self._readiness,
            progress=self._progress,
            on_late=self._note_publish_failure,
        )

    def _topic_maker(self, publisher: Publisher) -> Callable[[], Awaitable[None]]:
        async def make_topics() -> None:
            if await ensure_topics(self._settings, SOURCE_TOPICS):
                publisher.renew()  # a broker that has lost topics may have lost what it knew of producers

        return make_topics

    async def _keep_topics(self) -> None:
        """Make the topics again that are gone; never returns."""
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            if self._topics is not None:
                await self._topics.remake_missing()

    def _note_publish_failure(self) -> None:
        """Note that the broker does not take records, or not in time: one of the topics may be missing."""
        self._progress.move()
        self._readiness.connecting(f"Kafka {self._settings.brokers} does not take our posts")
        if self._topics is not None:
            self._topics.note_missing()


async def _within(work: Awaitable[None], seconds: float) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        logger.warning("the broker did not answer in time; the last posts may come again after a restart")
