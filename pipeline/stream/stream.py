"""One agent fed from one topic: batches, commits and lag.

Faust joins the group, fetches, and hands out batches. The stream itself commits what the agent has finished: five times
a second, and once more before partitions are revoked (`offsets` says why Faust does not). An agent that raises ends the
program, and so does a group that refuses it for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from pipeline.messages.record import Partition, Record
from pipeline.monitor.health import Progress
from pipeline.monitor.readiness import Readiness
from pipeline.stream.agent import Agent
from pipeline.stream.faust_app import StreamSource, build_app
from pipeline.stream.faust_consumer import GroupConsumer, to_record
from pipeline.stream.group_client import Commit
from pipeline.stream.group_watch import GroupWatch
from pipeline.stream.offsets import Offsets
from pipeline.stream.topic_keeper import TopicKeeper

logger = logging.getLogger(__name__)

_COMMIT_SECONDS = 0.2
_LAG_SECONDS = 1.0
_LOOK_SECONDS = 0.5
# If partitions are revoked, the stream waits this long for the current batch, and that long for its commit. The sum is
# less than the time that the members of the group wait for each other.
_HAND_OVER_SECONDS = 6.0
_LAST_COMMIT_SECONDS = 2.0


class Stream:
    """Feeds one agent from one topic, batch by batch, until stopped.

    Args:
        source: the topic, the group, and the size of batches.
        progress: shows commits and lag.
        readiness: shows the state of the group and the topic.
        topics: makes topics again that are gone.
    """

    def __init__(
        self,
        agent: Agent,
        source: StreamSource,
        *,
        progress: Progress,
        readiness: Readiness,
        topics: TopicKeeper,
    ) -> None:
        self._agent = agent
        self.source = source
        self._progress = progress
        self._readiness = readiness
        self._offsets = Offsets()
        self._committing = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None  # the agent on the current batch
        self._give_back = asyncio.Event()  # set: the agent begins no further record of it
        self._is_stopping = False
        self._has_partitions = True  # false from their revocation or loss to the next assignment
        self._agent_failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._app = build_app(source)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
        topic = self._app.topic(source.topic, key_serializer="raw", value_serializer="raw")
        self._app.agent(topic, name=source.group)(self._run)
        self._consumer = GroupConsumer(self._app)
        self._watch = GroupWatch(
            self._consumer, source, readiness=readiness, topics=topics, on_topic_lost=self._lose_partitions
        )

    async def run_until_failure(self) -> BaseException:
        """Join the consumer group and feed the agent; returns why that cannot go on.

        The reason is what the agent raised, a refusal of the group, or a failure of Faust.
        """
        self._app.finalize()
        # Faust's start waits for the group: a refusal of the group must be seen before that ends.
        ends: list[asyncio.Future[Any]] = [
            self._agent_failure,
            asyncio.ensure_future(self._run_app()),
            asyncio.ensure_future(self._repeat(self._watch.look, _LOOK_SECONDS)),
            asyncio.ensure_future(self._repeat(self._commit_if_ours, _COMMIT_SECONDS)),
            asyncio.ensure_future(self._repeat(self._show_lag, _LAG_SECONDS)),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends[1:]:
                end.cancel()
        failures = [end.exception() for end in ends[1:] if end.done() and not end.cancelled()]
        if self._agent_failure.done():
            return self._agent_failure.result()
        return next(iter(filter(None, failures)), None) or self._app.crash_reason or _stopped_unasked()

    async def stop(self, timeout_seconds: float) -> None:
        """Finish the current batch within the time or give it back, commit, and leave the group."""
        self._is_stopping = True
        self._watch.close()
        await self._let_go(timeout_seconds)
        await self._app.stop()

    @property
    def is_member(self) -> bool:
        """Whether this agent is a member of the group, with partitions or without."""
        return self._consumer.is_running and self._consumer.membership().is_member

    def positions(self) -> dict[Partition, int]:
        """Return the offset of the first uncommitted record of each partition of this agent."""
        if not self._consumer.is_running or not self._has_partitions:
            return {}
        fetched = self._consumer.fetched()
        positions = {}
        for partition in self._consumer.assignment():
            offset = self._offsets.next_offset(partition) or self._consumer.committed(partition)
            # A partition that begins anew ends before what was committed of the old one.
            fetched_to = fetched[partition].position if partition in fetched else offset
            positions[partition] = min(offset, fetched_to)
        return positions

    async def _run_app(self) -> None:
        await self._app.start()
        await self._app.wait_until_stopped()

    async def _run(self, stream: Any) -> None:
        async for events in stream.take_events(self.source.max_records, within=self.source.max_wait_seconds):
            for event in events:
                event.message.incref()  # otherwise Faust would count the record as done, and commit it
            if self._is_stopping:
                await asyncio.Event().wait()  # no further batch is begun; the app's stop cancels this
            records = [to_record(event.message) for event in events if self._is_current(event.message)]
            if records and not await self._process(records):
                await asyncio.Event().wait()

    def _is_current(self, message: Any) -> bool:
        """Whether the record is of the present assignment; one from before a rebalance comes again."""
        return self._has_partitions and message.generation_id == self._app.consumer_generation_id

    async def _process(self, records: Sequence[Record]) -> bool:
        """Let the agent work on the batch; returns whether the next may come."""
        self._offsets.begin(records)
        self._give_back = asyncio.Event()
        self._work = work = asyncio.ensure_future(self._agent.process(records, self._finish, self._give_back))
        self._readiness.working(True)
        try:
            await asyncio.wait([work])
        finally:
            work.cancel()
            self._readiness.working(False)
        if work.cancelled():
            return True
        if error := work.exception():
            logger.error("the agent failed on a batch of %d records", len(records), exc_info=error)
            # Going on would leave a hole in the offsets for ever: the program must end.
            self._agent_failure.set_result(error)
        return error is None

    def _finish(self, record: Record) -> None:
        self._offsets.finish(record)
        self._progress.move()

    async def _let_go(self, timeout_seconds: float) -> None:
        """Wait for the current batch, cancel it if it takes longer, and commit what is finished."""
        self._give_back.set()
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work], timeout=timeout_seconds)
            if self._work.cancel():
                logger.warning(
                    "the current batch is not finished after %.0f s: it is given back", timeout_seconds
                )
                await asyncio.wait([self._work])
        # The consumer of a crashed app does not answer, and one without its broker not soon.
        if self._consumer.is_running:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._commit_for_good(), _LAST_COMMIT_SECONDS)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        self._has_partitions = False
        await self._let_go(_HAND_OVER_SECONDS)
        self._offsets.forget()

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._has_partitions = True
        self._watch.must_rejoin = False
        self._agent.on_rebalance()

    async def _commit_if_ours(self) -> None:
        if self._has_partitions:
            await self._commit()

    async def _commit_for_good(self) -> None:
        """Commit what is finished, and try again if that may help."""
        while await self._commit() is Commit.LATER:  # noqa: ASYNC110 - nothing reports that the broker is back
            await asyncio.sleep(_COMMIT_SECONDS)

    async def _commit(self) -> Commit:
        async with self._committing:
            generation = self._consumer.generation
            for partition, fetched in self._consumer.fetched().items():
                self._offsets.skip(partition, delivered=fetched.delivered, position=fetched.position)
            offsets = self._offsets.committable()
            if not offsets:
                return Commit.TAKEN
            result = await self._consumer.commit(offsets)
            if result is Commit.TAKEN:
                self._offsets.committed(offsets)
                self._progress.move()
            elif result is Commit.LOST and generation == self._consumer.generation:
                self._lose_partitions()
            return result

    def _lose_partitions(self) -> None:
        """Commit nothing of what was read before the next assignment, and ask for one."""
        self._has_partitions = False
        self._watch.must_rejoin = True
        self._offsets.forget()

    async def _show_lag(self) -> None:
        lag = {
            partition: max((self._consumer.end(partition) or 0) - offset, 0)  # None before the first fetch
            for partition, offset in self.positions().items()
        }
        self._progress.show_lag(lag)

    async def _repeat(self, work: Callable[[], Awaitable[object]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            if self._consumer.is_running:
                await work()


def _stopped_unasked() -> BaseException:
    return RuntimeError("Faust stopped unasked")
