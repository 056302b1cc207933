"""The two roles that a deployment runs, `annotate` and `alert`: from settings to a process that stops cleanly."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pipeline.alert.agent import AlertAgent, AlertTopics, Outlet
from pipeline.alert.build import (
    build_alert_generator,
    build_ledger,
    build_llm_client,
    count_llm_requests,
    load_annotator,
)
from pipeline.annotate.agent import AnnotateAgent
from pipeline.errors import BrokerUnavailableError, LlmUnavailableError
from pipeline.kafka.acls import Needs, check_rights
from pipeline.kafka.aiokafka_patch import on_unreadable_batch
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.refusals import in_words
from pipeline.kafka.security import kafka_security
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.headers import header_names
from pipeline.messages.record import Agent
from pipeline.monitor.health import Health, HealthServer
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.progress import Progress
from pipeline.monitor.readiness import Readiness
from pipeline.monitor.watchdog import watched
from pipeline.outage import until_it_works
from pipeline.settings import Settings
from pipeline.stream.backlog import GroupBacklog, count_waiting
from pipeline.stream.faust_app import StreamSource
from pipeline.stream.stream import Stream
from pipeline.stream.topic_keeper import TopicKeeper

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

# For leaving the group and for closing a client each: both may hang where the broker is gone.
_LEAVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Instruments:
    """What shows how a process fares."""

    metrics: Metrics
    health: Health
    progress: Progress

    @classmethod
    def of_agent(cls, *, needs_llm: bool = False) -> Instruments:
        """Return those of an agent that has done nothing yet."""
        metrics, readiness = Metrics("alert" if needs_llm else "annotate"), Readiness(needs_llm=needs_llm)
        metrics.ready.set_function(lambda: float(readiness.status.is_ready))
        on_unreadable_batch(lambda _: metrics.unreadable_batches.inc())
        return cls(metrics, Health(readiness), Progress(metrics))


async def run_annotate(settings: Settings) -> int:
    """Run the annotate agent until SIGTERM or Ctrl-C; returns the exit status."""
    kafka_security(settings)  # mistakes in it are told before the network is loaded
    stop = _stop_on_signal()
    annotator = await _unless_stopped(stop, asyncio.to_thread(load_annotator, settings))
    if annotator is None:
        return 0
    instruments = Instruments.of_agent()

    async def connect(publisher: Publisher) -> Stream:
        written = [settings.topic_annotated, settings.topic_dead]
        await _check_rights(settings, Needs([settings.topic_posts], settings.annotate_group, written))
        agent = AnnotateAgent(
            annotator,
            publisher,
            instruments.metrics,
            annotated_topic=settings.topic_annotated,
            dead_topic=settings.topic_dead,
            max_post_bytes=settings.max_post_bytes,
            carry_headers=header_names(settings.carry_headers),
        )
        source = StreamSource(
            settings.brokers,
            settings.annotate_group,
            settings.topic_posts,
            max_records=settings.annotate_batch_size,
            max_wait_seconds=settings.annotate_batch_seconds,
            session_seconds=settings.group_session_seconds,
            security=kafka_security(settings),
        )
        return _build_stream(agent, source, publisher, settings, instruments)

    return await _run("annotate", settings, instruments, connect=connect, stop=stop)


async def run_alert(settings: Settings) -> int:
    """Run the alert agent until SIGTERM or Ctrl-C; returns the exit status."""
    kafka_security(settings)  # mistakes in it are told before anything is started
    instruments = Instruments.of_agent(needs_llm=True)
    metrics, readiness = instruments.metrics, instruments.health.readiness
    count = count_llm_requests(metrics, instruments.progress)
    # An empty reason is none: usable.
    llm = build_llm_client(settings, count, on_state=readiness.llm_not_usable)

    async def connect(publisher: Publisher) -> Stream:
        outcomes = [settings.topic_alerts, settings.topic_abstained]
        needs = Needs(
            [settings.topic_annotated, *outcomes], settings.alert_group, [*outcomes, settings.topic_dead]
        )
        await _check_rights(settings, needs)
        await until_it_works(llm.connect, on=LlmUnavailableError, on_failure=readiness.llm_not_usable)
        readiness.llm_usable()
        generator = build_alert_generator(llm, settings)
        topics = AlertTopics(settings.topic_alerts, settings.topic_abstained, settings.topic_dead)
        ledger, carried = build_ledger(settings, instruments.progress), header_names(settings.carry_headers)
        outlet = Outlet(publisher, topics, ledger, carried)
        agent = AlertAgent(generator, outlet, metrics, max_posts=settings.llm_max_requests)
        source = StreamSource(
            settings.brokers,
            settings.alert_group,
            settings.topic_annotated,
            max_records=settings.alert_batch_size,
            max_wait_seconds=settings.alert_batch_seconds,
            session_seconds=settings.group_session_seconds,
            security=kafka_security(settings),
        )
        return _build_stream(agent, source, publisher, settings, instruments)

    stop = _stop_on_signal()
    try:
        return await _run("alert", settings, instruments, connect=connect, stop=stop)
    finally:
        await llm.close()


def _build_stream(
    agent: Agent, source: StreamSource, publisher: Publisher, settings: Settings, instruments: Instruments
) -> Stream:
    """Return the stream; a publisher that fails has its topics looked after, too."""

    async def make_topics() -> None:
        if await ensure_topics(settings):
            publisher.renew()  # who has lost topics may have lost what it knew of producers

    topics = TopicKeeper(make_topics, on_lost=publisher.renew)

    def note_failure() -> None:
        instruments.progress.move()
        topics.note_missing()

    publisher.on_failure = note_failure
    return Stream(
        agent, source, progress=instruments.progress, readiness=instruments.health.readiness, topics=topics
    )


async def _run(
    role: str,
    settings: Settings,
    instruments: Instruments,
    *,
    connect: Callable[[Publisher], Awaitable[Stream]],
    stop: asyncio.Event,
) -> int:
    metrics, health = instruments.metrics, instruments.health
    metrics.build.info({"role": role})
    metrics.event_loop_tasks.set_function(partial(_count_tasks, asyncio.get_running_loop()))
    server = HealthServer(health, metrics.registry, host=settings.metrics_host, port=settings.metrics_port)
    logger.info("%s: metrics and probes on %s", role, server.url)
    beat = asyncio.create_task(health.beat())
    try:
        async with _publisher(settings, health, stop) as publisher:
            stream = await _unless_stopped(stop, connect(publisher)) if publisher else None
            if publisher is None or stream is None:
                health.readiness.stopping()
                return 0
            logger.info("%s: running against %s", role, settings.brokers)
            count = partial(_count_waiting, stream, GroupBacklog(settings, stream.source), settings)
            async with watched(count, instruments.progress, instruments.health, settings=settings):
                failure = await _unless_stopped(stop, stream.run_until_failure())
            if failure is None:
                health.readiness.stopping()
            else:
                logger.error("%s: ending, for the stream cannot go on: %s", role, in_words(failure))
            await _within(stream.stop(settings.stop_seconds), settings.stop_seconds + _LEAVE_SECONDS)
            return 0 if failure is None else 1
    finally:
        beat.cancel()
        server.close()


async def _count_waiting(stream: Stream, backlog: GroupBacklog, settings: Settings) -> int:
    """Return how many records wait: before this agent, or before its group where it has no partition."""
    positions = stream.positions() if stream.is_member else {}
    return await count_waiting(settings, positions) if positions else await backlog.count()


def _count_tasks(loop: asyncio.AbstractEventLoop) -> int:
    return len(asyncio.all_tasks(loop))


async def _check_rights(settings: Settings, needs: Needs) -> None:
    """Raise `KafkaAccessError` where an ACL is missing; a broker that is away is waited for."""
    security = kafka_security(settings)
    await until_it_works(
        lambda: check_rights(settings.brokers, security, needs),
        on=BrokerUnavailableError,
        on_failure=lambda _: None,
    )


async def _within(work: Awaitable[None], seconds: float) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        logger.warning("the broker did not take our leave in time; the group will notice by itself")


@asynccontextmanager
async def _publisher(
    settings: Settings, health: Health, stop: asyncio.Event
) -> AsyncIterator[Publisher | None]:
    """Give a connected publisher, every topic existing; None if asked to stop before that."""

    async def connect() -> Publisher:
        await ensure_topics(settings)
        return await Publisher.connect(
            settings.brokers,
            is_idempotent=settings.producer_idempotence,
            security=kafka_security(settings),
        )

    publisher = await _unless_stopped(
        stop, until_it_works(connect, on=BrokerUnavailableError, on_failure=health.readiness.connecting)
    )
    if publisher is None:
        yield None
        return
    health.readiness.connecting("joining the consumer group")
    try:
        yield publisher
    finally:
        await _within(publisher.close(), _LEAVE_SECONDS)


async def _unless_stopped(stop: asyncio.Event, work: Awaitable[_T]) -> _T | None:
    """Return what `work` returns, or None when asked to stop first."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    both: list[asyncio.Future[Any]] = [working, stopping]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


def _stop_on_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
