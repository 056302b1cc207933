"""Faust's consumer as the stream needs it: the file that touches private parts of Faust 0.15.

What its public parts do not give:

- Only committed records are read. (Faust reads all unless it writes transactions itself.)
- How far a partition was fetched. Faust knows only the last record.
- What the group says. Faust never asks its client.
- Our own commit, without Faust's bookkeeping, which would wait for holes in the offsets.
- A partition that begins anew: a topic made again, a broker set back. Faust drops what lies before its last offset.

`tests/pipeline/stream/test_faust_consumer.py` fails if a new release changes one of these.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP

from pipeline.kafka.reading.unreadable import accept_any_record
from pipeline.messages.record import Partition, Record, time_of
from pipeline.stream.group_client import Commit, GroupClient, Membership

logger = logging.getLogger(__name__)
# The consumer's own logger would write a line for each start and stop of each of its services.
_faust_logger = logging.getLogger("faust.transport")


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far a partition was fetched.

    Args:
        generation: of the group at that time; in another generation it means nothing.
        delivered: the offset after the last record that was handed on; None: none was in this generation.
        position: the offset that is fetched next; from `delivered` to here nothing is left for an application.
    """

    generation: int
    delivered: int | None
    position: int


class GroupConsumer:
    """A view of the app's consumer, before, while and after it runs.

    Args:
        app: the Faust app.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    @property
    def is_running(self) -> bool:
        """Whether the consumer can be asked anything."""
        return bool(self._app.started) and not self._app.crashed and self._client is not None

    @property
    def generation(self) -> int:
        """The generation of the group that the present assignment is of."""
        return int(self._app.consumer_generation_id)

    def assignment(self) -> list[Partition]:
        """Return the partitions of this member."""
        try:
            return [Partition(*tp) for tp in self._app.consumer.assignment()]
        except ConsumerNotStarted:
            return []

    def committed(self, partition: Partition) -> int:
        """Return the offset that was committed when the partition was assigned, 0 if none was."""
        return int(self._app.consumer._committed_offset.get(_to_tp(partition)) or 0)

    def end(self, partition: Partition) -> int | None:
        """Return the partition's last stable offset, up to which committed records go; None before the first fetch."""
        # The client asserts that the partition is still ours, and its thread may have given it back meanwhile.
        try:
            end = self._app.consumer.highwater(_to_tp(partition))
        except (AssertionError, AttributeError):
            return None
        return None if end is None else int(end)

    def fetched(self) -> dict[Partition, Fetched]:
        """Return how far each partition was fetched in the present generation."""
        fetched = dict(self._thread.fetched)
        return {partition: at for partition, at in fetched.items() if at.generation == self.generation}

    def membership(self) -> Membership:
        """Return what is known of the group."""
        return Membership() if self._client is None else self._client.membership()

    async def join_again(self) -> None:
        """Let a client that waits because of a refusal ask once more."""
        await self._thread.call_thread(self._thread.client.forget_refusal)

    def has_topic(self, topic: str) -> bool:
        """Whether the cluster has the topic, as far as the client knows."""
        return self._client is not None and self._client.has_topic(topic)

    @property
    def has_lost_topic(self) -> bool:
        """Whether the topic was missing since the partitions were assigned: older offsets then mean nothing."""
        return self._client is not None and self._client.topic_lost_in == self.generation

    def may_see(self, topic: str) -> bool:
        """Whether an ACL lets this agent see the topic, as far as the client knows."""
        return self._client is None or self._client.may_see(topic)

    async def ask_for_metadata(self) -> None:
        """Have the client ask now which topics there are; returns at once."""
        await self._thread.call_thread(self._thread.client.ask_for_metadata)

    async def commit(self, offsets: Mapping[Partition, int]) -> Commit:
        """Try once to commit the offsets.

        Raises:
            KafkaError: the broker refuses for good; an ACL is missing, for instance.
        """
        thread = self._thread
        result: Commit = await thread.call_thread(thread.client.commit_once, offsets, self.generation)
        # Faust's bookkeeping of holes in the offsets, which its own commit would trim.
        self._app.consumer._gap.clear()
        return result

    @property
    def _thread(self) -> CommittedReader:
        thread: CommittedReader = self._app.consumer._thread
        return thread

    @property
    def _client(self) -> GroupClient | None:
        return self._thread.client_or_none


class CommittedReader(AIOKafkaConsumerThread):
    """Faust's consumer thread; everything here but the attributes is called in that thread."""

    logger = _faust_logger

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fetched: dict[Partition, Fetched] = {}
        self.client_or_none: GroupClient | None = None  # none before the thread has made its consumer

    @property
    def client(self) -> GroupClient:
        """The view of the thread's consumer."""
        assert self.client_or_none is not None, "asked before the thread has made its consumer"
        return self.client_or_none

    def _create_worker_consumer(self, transport: Any) -> Any:
        accept_any_record()
        consumer = super()._create_worker_consumer(transport)
        self.client_or_none = GroupClient(consumer)
        return consumer

    async def on_start(self) -> None:
        """Connect, and from then on note what the group answers."""
        await super().on_start()
        self.client.listen()

    def highwater(self, tp: Any) -> Any:
        """Return the last stable offset: what lies behind it may yet be aborted."""
        return self._ensure_consumer().last_stable_offset(TopicPartition(*tp))

    async def seek_to_committed(self) -> Any:
        """Go back to what is committed, and to the oldest record if nothing is."""
        return await self.call_thread(self.client.seek_to_committed)

    async def _fetch_records(self, consumer: Any, active_partitions: Any, *limits: Any, **named: Any) -> Any:
        try:
            records = await super()._fetch_records(consumer, active_partitions, *limits, **named)
        except KafkaError:
            # The client raises here what the group has answered. The stream deals with that.
            if not self.client.has_pending_refusal:
                raise
            return {}
        self._note_positions(records)
        return records

    def _note_positions(self, records: Mapping[Any, Any]) -> None:
        """Note how far each partition was fetched; no other coroutine has run since the records were taken."""
        generation = self.app.consumer_generation_id
        for partition, position in self.client.positions():
            delivered = None
            before, fetched = self.fetched.get(partition), records.get(TopicPartition(*partition))
            if fetched:
                self._allow_anew(partition, fetched[0].offset)
                delivered = fetched[-1].offset + 1
            elif before is not None and before.generation == generation:
                delivered = before.delivered
            self.fetched[partition] = Fetched(generation, delivered, position)

    def _allow_anew(self, partition: Partition, first_offset: int) -> None:
        """Let Faust hand on records that lie before those it has seen: the partition begins anew."""
        seen = self.consumer._read_offset.get(_to_tp(partition))
        if seen is not None and first_offset < seen:
            message = "%s/%d: the log ends before offset %d, which was reached; reading it anew from %d"
            logger.warning(message, partition.topic, partition.partition, seen, first_offset)
            self.consumer._read_offset[_to_tp(partition)] = None


class _GroupedConsumer(Consumer):
    logger = _faust_logger

    def _new_consumer_thread(self) -> CommittedReader:
        return CommittedReader(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(Transport):
    """Faust's transport, with the consumer thread above."""

    Consumer = _GroupedConsumer


def _to_tp(partition: Partition) -> Any:
    return TP(*partition)


def to_record(message: Any) -> Record:
    """Return Faust's message as our `Record`."""
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
