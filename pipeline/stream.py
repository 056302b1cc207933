"""The Faust app around one agent; nothing else in the project knows Faust.

What the agent has not finished is never committed (`held_batch`), and an agent that raises ends the program.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import faust

from pipeline.held_batch import HeldBatch
from pipeline.kafka_security import NO_SECURITY, KafkaSecurity
from pipeline.lenient_headers import accept_any_header_name
from pipeline.records import Agent, Record, time_of

logger = logging.getLogger(__name__)


class Stream:
    """Feeds one agent from one topic, batch by batch, until stopped.

    Args:
        brokers: Kafka bootstrap servers, `HOST:PORT[,...]`.
        group: consumer group; its members share the topic's partitions.
        max_records: size of a batch at most.
        max_wait_seconds: a batch waits no longer than this for more records.
        security: who we are to the brokers.
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
        security: KafkaSecurity = NO_SECURITY,
    ) -> None:
        self._agent = agent
        self._max_records = max_records
        self._max_wait_seconds = max_wait_seconds
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._agent_failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        accept_any_header_name()
        self._app = _build_app(brokers, group, security)
        source = self._app.topic(topic, key_serializer="raw", value_serializer="raw")
        self._app.agent(source, name=group)(self._run)

    async def run_until_failure(self) -> BaseException:
        """Join the consumer group and feed the agent; returns, once that cannot go on, why.

        That is what the agent raised, or Faust itself.
        """
        self._app.finalize()
        await self._app.start()
        faust_ends = asyncio.ensure_future(self._app.wait_until_stopped())
        ends: list[asyncio.Future[Any]] = [self._agent_failure, faust_ends]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        faust_ends.cancel()
        if self._agent_failure.done():
            return self._agent_failure.result()
        return self._app.crash_reason or RuntimeError("Faust stopped unasked")

    async def stop(self, timeout_seconds: float) -> None:
        """Finish or give back what is in hand within the time, commit, leave the group."""
        self._stopping.set()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        except TimeoutError:
            logger.warning("the batch in hand is not finished after %.0f s: given back", timeout_seconds)
        if self._app.started and not self._app.crashed:  # a crashed app's consumer answers no more
            await self._app.consumer.commit()
        await self._app.stop()

    async def _run(self, stream: Any) -> None:
        async for events in stream.take_events(self._max_records, within=self._max_wait_seconds):
            messages = [event.message for event in events]
            records = [_to_record(message) for message in messages]
            batch = HeldBatch(messages, records, self._app.consumer)
            if self._stopping.is_set() or not await self._process(records, batch):
                await asyncio.Event().wait()  # nothing new is begun; the app's stop cancels this

    async def _process(self, records: Sequence[Record], batch: HeldBatch) -> bool:
        """Let the agent work on the batch; returns whether all went well."""
        self._idle.clear()
        try:
            await self._agent.process(records, batch.finish, self._stopping)
        except Exception as error:
            logger.exception("the agent failed on a batch of %d records", len(records))
            # Whatever it was, going on would leave a hole in the offsets for ever: the program must end.
            self._agent_failure.set_result(error)
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


def _build_app(brokers: str, group: str, security: KafkaSecurity) -> faust.App:
    return _App(
        group,
        broker=[f"kafka://{broker.strip()}" for broker in brokers.split(",")],
        broker_credentials=_credentials(security),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,  # kafka.ensure_topics makes them
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # With the defaults the first record takes half a minute, and a lost member as long to be noticed.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=10.0,
        broker_commit_interval=0.2,  # what is done and not committed is done again after a rebalance
        stream_wait_empty=False,  # `stop` waits for the batch in hand itself, and not for ever
    )
