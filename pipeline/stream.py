"""The Faust app around one agent; nothing else in the project knows Faust.

Faust's `take_events` acknowledges a batch whenever the loop body is left, also by an exception or by
cancellation: such a batch would be committed and lost. So every message is held by one more reference while the
agent has it, and let go only when its outcome is with the broker. What is not let go is never committed.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import faust

from pipeline.records import Agent, Record

logger = logging.getLogger(__name__)


class Stream:
    """Feeds one agent from one topic, batch by batch, until stopped.

    Args:
        brokers: Kafka bootstrap servers, `HOST:PORT[,...]`.
        group: consumer group; its members share the topic's partitions.
        max_records: size of a batch at most.
        max_wait_seconds: a batch waits no longer than this for more records.
    """

    def __init__(
        self, agent: Agent, *, brokers: str, group: str, topic: str, max_records: int, max_wait_seconds: float
    ) -> None:
        self._agent = agent
        self._max_records = max_records
        self._max_wait_seconds = max_wait_seconds
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._app = _build_app(brokers, group)
        source = self._app.topic(topic, key_serializer="raw", value_serializer="raw")
        self._app.agent(source, name=group)(self._run)

    async def start(self) -> None:
        """Join the consumer group; returns once the app runs."""
        self._app.finalize()
        await self._app.start()

    async def wait_for_failure(self) -> BaseException:
        """Return, once the stream cannot go on, why: what the agent raised, or Faust itself."""
        await self._app.wait_until_stopped()
        return self._app.crash_reason or RuntimeError("Faust stopped unasked")

    async def stop(self, timeout_seconds: float) -> None:
        """Finish or give back what is in hand within the time, commit, leave the group."""
        self._stopping.set()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        except TimeoutError:
            logger.warning("the batch in hand is not finished after %.0f s: given back", timeout_seconds)
        await self._app.consumer.commit()
        await self._app.stop()

    async def _run(self, stream: Any) -> None:
        async for events in stream.take_events(self._max_records, within=self._max_wait_seconds):
            messages = [event.message for event in events]
            for message in messages:
                message.incref()
            if self._stopping.is_set() or not await self._process(messages):
                await asyncio.Event().wait()  # nothing new is begun; the app's stop cancels this

    async def _process(self, messages: list[Any]) -> bool:
        """Let the agent work on the batch, and go of each message that it finishes; returns whether all went well."""
        records = [_to_record(message) for message in messages]
        # By identity: after a rebalance a batch may hold the same offset twice.
        held = {id(record): message for record, message in zip(records, messages, strict=True)}

        def finish(record: Record) -> None:
            held.pop(id(record)).ack(self._app.consumer)

        self._idle.clear()
        try:
            await self._agent.process(records, finish, self._stopping)
        except Exception as error:
            logger.exception("the agent failed on a batch of %d records", len(records))
            # Whatever it was, going on would leave a hole in the offsets for ever: the program must end.
            await self._app.crash(error)
            return False
        finally:
            self._idle.set()
        return True


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make no folders: there is no table to keep in one."""


def _to_record(message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=datetime.fromtimestamp(message.timestamp, UTC),
        key=message.key,
        value=message.value,
        headers=tuple((name, bytes(value)) for name, value in headers),
    )


def _build_app(brokers: str, group: str) -> faust.App:
    return _App(
        group,
        broker=[f"kafka://{broker.strip()}" for broker in brokers.split(",")],
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,  # topics.py makes them
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # With the defaults the first record takes half a minute, and a lost member as long to be noticed.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=10.0,
        broker_commit_interval=0.2,  # what is done and not committed is done again after a rebalance
        stream_wait_empty=False,  # `stop` waits for the batch in hand itself, and not for ever
    )
