"""The Faust app around one agent; nothing else in the project knows Faust.

Faust joins the group, fetches, and deals out batches. What is committed, and when, is ours (`offsets` says why): what
the agent has finished, five times a second, and once more before partitions are given back. An agent that raises
ends the program.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import faust

from pipeline.kafka_security import NO_SECURITY, KafkaSecurity
from pipeline.lenient_records import accept_any_record
from pipeline.offsets import Offsets
from pipeline.progress import Progress
from pipeline.records import Agent, Partition, Record, time_of

logger = logging.getLogger(__name__)

_COMMIT_SECONDS = 0.2
_LAG_SECONDS = 1.0
# When partitions are taken away, the work in hand is waited for this long, and its commit that long: together less
# than the members of the group wait for each other.
_HAND_OVER_SECONDS = 6.0
_LAST_COMMIT_SECONDS = 2.0
_REBALANCE_SECONDS = 12.0
# Slow work is no reason to leave the group: an LLM may be away for hours. What is stuck is the watchdog's business.
_MAX_POLL_SECONDS = 30 * 86_400.0


class Stream:
    """Feeds one agent from one topic, batch by batch, until stopped.

    Args:
        brokers: Kafka bootstrap servers, `HOST:PORT[,...]`.
        group: consumer group; its members share the topic's partitions.
        max_records: size of a batch at most.
        max_wait_seconds: a batch waits no longer than this for more records.
        security: who we are to the brokers.
        progress: is told of commits and lag.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        brokers: str,
        group: str,
        topic: str,
        max_records: int,
        max_wait_seconds: float,
        progress: Progress,
        security: KafkaSecurity = NO_SECURITY,
    ) -> None:
        self._agent = agent
        self._max_records = max_records
        self._max_wait_seconds = max_wait_seconds
        self._progress = progress
        self._offsets = Offsets()
        self._committing = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None  # the agent on the batch in hand
        self._give_back = asyncio.Event()  # tells the agent to begin nothing more of it
        self._is_stopping = False
        self._has_partitions = True  # no more from their revocation to the next assignment
        self._agent_failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        accept_any_record()
        self._app = _build_app(brokers, group, security, buffer_size=2 * max_records)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
        source = self._app.topic(topic, key_serializer="raw", value_serializer="raw")
        self._app.agent(source, name=group)(self._run)

    async def run_until_failure(self) -> BaseException:
        """Join the consumer group and feed the agent; returns, once that cannot go on, why.

        That is what the agent raised, or Faust itself.
        """
        self._app.finalize()
        await self._app.start()
        ends: list[asyncio.Future[Any]] = [
            self._agent_failure,
            asyncio.ensure_future(self._app.wait_until_stopped()),
            asyncio.ensure_future(self._repeat(self._commit, _COMMIT_SECONDS)),
            asyncio.ensure_future(self._repeat(self._show_lag, _LAG_SECONDS)),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends[1:]:
                end.cancel()
        failures = [end.exception() for end in ends[2:] if end.done() and not end.cancelled()]
        if self._agent_failure.done():
            return self._agent_failure.result()
        return self._app.crash_reason or next(
            iter(filter(None, failures)), RuntimeError("Faust stopped unasked")
        )

    async def stop(self, timeout_seconds: float) -> None:
        """Finish or give back what is in hand within the time, commit, leave the group."""
        self._is_stopping = True
        await self._let_go(timeout_seconds)
        await self._app.stop()

    def positions(self) -> dict[Partition, int]:
        """Return the offset of the first uncommitted record of each partition that is ours."""
        if not self._app.started or self._app.crashed or not self._has_partitions:
            return {}
        consumer: Any = self._app.consumer
        try:
            partitions = [Partition(*tp) for tp in consumer.assignment()]
        except faust.exceptions.ConsumerNotStarted:
            return {}
        committed = {Partition(*tp): offset or 0 for tp, offset in list(consumer._committed_offset.items())}
        return {place: self._offsets.next_offset(place) or committed.get(place, 0) for place in partitions}

    async def _run(self, stream: Any) -> None:
        async for events in stream.take_events(self._max_records, within=self._max_wait_seconds):
            for event in events:
                event.message.incref()  # or Faust would take it for done, and commit it
            if self._is_stopping:
                await asyncio.Event().wait()  # nothing new is begun; the app's stop cancels this
            records = [_to_record(event.message) for event in events if self._is_current(event.message)]
            if records and not await self._process(records):
                await asyncio.Event().wait()

    def _is_current(self, message: Any) -> bool:
        """Whether the record is ours: one from before a rebalance comes again, here or elsewhere."""
        return self._has_partitions and message.generation_id == self._app.consumer_generation_id

    async def _process(self, records: Sequence[Record]) -> bool:
        """Let the agent work on the batch; returns whether the next may come."""
        self._offsets.begin(records)
        self._give_back = asyncio.Event()
        self._work = work = asyncio.ensure_future(self._agent.process(records, self._finish, self._give_back))
        try:
            await asyncio.wait([work])
        finally:
            work.cancel()
        if work.cancelled():
            return True
        if error := work.exception():
            logger.error("the agent failed on a batch of %d records", len(records), exc_info=error)
            # Whatever it was, going on would leave a hole in the offsets for ever: the program must end.
            self._agent_failure.set_result(error)
        return error is None

    def _finish(self, record: Record) -> None:
        self._offsets.finish(record)
        self._progress.move()

    async def _let_go(self, timeout_seconds: float) -> None:
        """Wait for the work in hand, cancel what takes longer, and commit what is finished."""
        self._give_back.set()
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work], timeout=timeout_seconds)
            if self._work.cancel():
                logger.warning("the batch in hand is not finished after %.0f s: given back", timeout_seconds)
                await asyncio.wait([self._work])
        # A crashed app's consumer answers no more, and one without its broker not soon.
        if self._app.started and not self._app.crashed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._commit(), _LAST_COMMIT_SECONDS)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        self._has_partitions = False
        await self._let_go(_HAND_OVER_SECONDS)
        self._offsets.forget()

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._has_partitions = True
        self._agent.on_rebalance()

    async def _commit(self) -> None:
        async with self._committing:
            offsets = self._offsets.committable()
            if not offsets:
                return
            consumer: Any = self._app.consumer
            tps = {faust.types.TP(*place): offset for place, offset in offsets.items()}
            # Where the group has moved on without us nothing is committed, and all of it comes again.
            if await consumer._commit(tps):
                self._offsets.committed(offsets)
                self._progress.move()
            consumer._gap.clear()  # Faust's bookkeeping of holes in the offsets, which its own commit would trim

    async def _show_lag(self) -> None:
        lag = {}
        for place, offset in self.positions().items():
            # The client asserts that the partition is still ours, and its thread may have given it back meanwhile.
            with suppress(AssertionError, AttributeError):
                end = self._app.consumer.highwater(faust.types.TP(*place))
                lag[place] = max((end or 0) - offset, 0)  # None before the first fetch
        self._progress.show_lag(lag)

    async def _repeat(self, work: Any, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            if self._has_partitions:
                await work()


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make no folders: there is no table to keep in one."""


def _to_record(message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=time_of(message.timestamp),
        key=message.key,
        value=message.value,
        headers=tuple((name, None if value is None else bytes(value)) for name, value in headers),
    )


def _credentials(security: KafkaSecurity) -> Any:
    """Return what Faust makes the same of as our own clients make of `security`."""
    if security.mechanism and security.password is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password.get_secret_value(),
            ssl_context=security.tls,
            mechanism=security.mechanism,
        )
    return security.tls


def _build_app(brokers: str, group: str, security: KafkaSecurity, *, buffer_size: int) -> faust.App:
    return _App(
        group,
        broker=[f"kafka://{broker.strip()}" for broker in brokers.split(",")],
        broker_credentials=_credentials(security),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,  # kafka_admin.ensure_topics makes them
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # With the defaults the first record takes half a minute, and a lost member as long to be noticed.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=_REBALANCE_SECONDS,
        broker_max_poll_interval=_MAX_POLL_SECONDS,
        stream_buffer_maxsize=buffer_size,
        stream_wait_empty=False,  # we wait for the batch in hand ourselves, and not for ever
    )
