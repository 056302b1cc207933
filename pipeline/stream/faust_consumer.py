"""Faust's consumer as the stream needs it: the one file that touches private parts of Faust 0.15 and aiokafka 0.14.

What their public parts do not give:

- Only committed records are read. (Faust reads all unless it writes transactions itself.)
- How far a partition was fetched, also past offsets that no application sees: control records, aborted transactions,
  holes that compaction leaves. Faust knows the last record alone.
- What the group says. aiokafka keeps a refusal until somebody asks for it, and does nothing until then. Faust never
  asks.
- One attempt at a commit, by a member. aiokafka repeats one for as long as the topic is missing, and would then commit
  the offset of a deleted topic to the new one of its name; and for a member that the group has forgotten it commits as
  nobody's, which an empty group takes.
- A partition that begins anew: a topic made again, a broker set back. Faust drops what lies before its last offset.
- A partition without a commit, when a rebalance drops what was fetched of it: aiokafka does not go back there.
- Metadata asked for at once.

`tests/pipeline/test_faust_consumer.py` fails if a new release changes one of these.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP

from pipeline.kafka.aiokafka_patch import accept_any_record
from pipeline.messages.record import Partition
from pipeline.stream.group_refusal import MENDED_BY_CLIENT, NO_ERROR


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far a partition was fetched.

    Args:
        generation: of the group when it was; of another one it means nothing.
        delivered: the offset after the last record that was handed on; None: none was in this generation.
        position: the offset that is fetched next; from `delivered` to here nothing is left for an application.
    """

    generation: int
    delivered: int | None
    position: int


@dataclass(frozen=True, slots=True)
class Membership:
    """What is known of this member and its group.

    Args:
        is_member: the group counts it among its members, with partitions or without.
        has_coordinator: a broker that coordinates the group answers.
        refusal_code: of the last answer to JoinGroup or SyncGroup, while the client waits because of it.
        error: why the client waits or has ended; None: it does neither.
        is_over: the client's own loop has ended and will never join again.
    """

    is_member: bool = False
    has_coordinator: bool = False
    refusal_code: int = NO_ERROR
    error: BaseException | None = None
    is_over: bool = False


class Commit(Enum):
    """What came of a commit."""

    TAKEN = "the broker has it"
    LATER = "the coordinator is away: it may work later"
    LOST = "the group or the topic has moved on without this member, which must join again: all of it comes again"


logger = logging.getLogger(__name__)

# Ours would tell of each start and stop, a line a service.
_faust_logger = logging.getLogger("faust.transport")

_MOVED_ON = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError, IllegalStateError)


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
        """Return the partitions that are this member's."""
        try:
            return [Partition(*tp) for tp in self._app.consumer.assignment()]
        except ConsumerNotStarted:
            return []

    def committed(self, partition: Partition) -> int:
        """Return the offset that was committed when the partition was assigned, 0 where none was."""
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
        return {place: at for place, at in fetched.items() if at.generation == self.generation}

    def membership(self) -> Membership:
        """Return what is known of the group."""
        coordinator = self._coordinator
        if coordinator is None:
            return Membership()
        if coordinator._coordination_task.done() and not coordinator._coordination_task.cancelled():
            return Membership(error=coordinator._coordination_task.exception(), is_over=True)
        if coordinator._pending_exception is not None:
            return Membership(refusal_code=self._thread.refusal_code, error=coordinator._pending_exception)
        subscription = coordinator._subscription.subscription
        has_coordinator = coordinator.coordinator_id is not None
        is_member = (
            has_coordinator
            and coordinator.generation >= 0  # Tansu counts from 0, Kafka from 1; -1 is none
            and not coordinator._rejoin_needed_fut.done()
            and subscription is not None
            and subscription.assignment is not None
        )
        return Membership(is_member=is_member, has_coordinator=has_coordinator)

    async def join_again(self) -> None:
        """Let a client that waits because of a refusal ask once more."""
        await self._thread.call_thread(self._thread.forget_refusal)

    def has_topic(self, topic: str) -> bool:
        """Whether the cluster has the topic, as far as the client knows."""
        client = self._client
        return client is not None and client._client.cluster.partitions_for_topic(topic) is not None

    @property
    def has_lost_topic(self) -> bool:
        """Whether the topic was missing since the partitions were assigned: offsets of then mean nothing now."""
        return self._thread.topic_lost_in == self.generation

    def may_see(self, topic: str) -> bool:
        """Whether an ACL lets us see the topic, as far as the client knows."""
        client = self._client
        return client is None or topic not in client._client.cluster.unauthorized_topics

    async def ask_for_metadata(self) -> None:
        """Have the client ask which topics there are, now; returns at once."""
        await self._thread.call_thread(self._thread.ask_for_metadata)

    async def commit(self, offsets: Mapping[Partition, int]) -> Commit:
        """Try once to commit the offsets.

        Raises:
            KafkaError: the broker refuses for good; an ACL is missing, for instance.
        """
        thread = self._thread
        result: Commit = await thread.call_thread(thread.commit_once, offsets, self.generation)
        # Faust's bookkeeping of holes in the offsets, which its own commit would trim.
        self._app.consumer._gap.clear()
        return result

    @property
    def _thread(self) -> CommittedReader:
        thread: CommittedReader = self._app.consumer._thread
        return thread

    @property
    def _client(self) -> Any:
        return self._thread._consumer

    @property
    def _coordinator(self) -> Any:
        client = self._client
        coordinator = None if client is None else client._coordinator
        return coordinator if isinstance(coordinator, GroupCoordinator) else None


class CommittedReader(AIOKafkaConsumerThread):
    """Faust's consumer thread; everything here but `fetched` and `refusal_code` is called in that thread."""

    logger = _faust_logger

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fetched: dict[Partition, Fetched] = {}
        self.refusal_code = NO_ERROR
        # The generation in which the topic was missing, if only for a moment.
        self.topic_lost_in: int | None = None

    def _create_worker_consumer(self, transport: Any) -> Any:
        accept_any_record()
        consumer = super()._create_worker_consumer(transport)
        assert consumer._isolation_level == "read_uncommitted", "aiokafka keeps its isolation level elsewhere"
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Connect, and from then on note what the group answers."""
        await super().on_start()
        consumer = self._ensure_consumer()
        consumer._coordinator._send_req = self._noting_refusals(consumer._coordinator._send_req)
        consumer._client.cluster.add_listener(self._note_missing_topic)

    def _note_missing_topic(self, cluster: Any) -> None:
        """Note that the cluster lacks a topic: it may be back, another one, before anybody looks."""
        consumer = self._ensure_consumer()
        subscription = consumer._subscription.subscription
        topics = () if subscription is None else subscription.topics
        if any(cluster.partitions_for_topic(topic) is None for topic in topics):
            self.topic_lost_in = consumer._coordinator.generation

    def highwater(self, tp: Any) -> Any:
        """Return the last stable offset: what lies behind it is nobody's yet."""
        return self._ensure_consumer().last_stable_offset(TopicPartition(*tp))

    async def seek_to_committed(self) -> Any:
        """Go back to what is committed, and to the oldest record where nothing is."""
        return await self.call_thread(self._seek_to_committed)

    async def _seek_to_committed(self) -> Any:
        consumer = self._ensure_consumer()
        committed = await consumer.seek_to_committed()
        # aiokafka leaves a partition without a commit where it stands: behind records that Faust dropped because the
        # group was changing when they came.
        if anew := [tp for tp, offset in committed.items() if not offset]:
            consumer._fetcher.request_offset_reset(anew, OffsetResetStrategy.EARLIEST)
        return committed

    async def _fetch_records(self, consumer: Any, active_partitions: Any, *limits: Any, **named: Any) -> Any:
        try:
            records = await super()._fetch_records(consumer, active_partitions, *limits, **named)
        except KafkaError:
            # The client wakes who waits for records with what the group has said. The stream deals with that.
            if consumer._coordinator._pending_exception is None:
                raise
            return {}
        self._note_positions(consumer, records)
        return records

    def _note_positions(self, consumer: Any, records: Mapping[Any, Any]) -> None:
        """Note how far each partition was fetched; no other coroutine has run since the records were taken."""
        subscription = consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return
        generation = self.app.consumer_generation_id
        for tp in subscription.assignment.tps:
            state = subscription.assignment.state_value(tp)
            if not state.has_valid_position:
                continue
            place, delivered = Partition(*tp), None
            before = self.fetched.get(place)
            if records.get(tp):
                self._allow_anew(place, records[tp][0].offset)
                delivered = records[tp][-1].offset + 1
            elif before is not None and before.generation == generation:
                delivered = before.delivered
            self.fetched[place] = Fetched(generation, delivered, state.position)

    def _allow_anew(self, place: Partition, first_offset: int) -> None:
        """Let Faust hand on records that lie before those it has seen: the partition begins anew."""
        seen = self.consumer._read_offset.get(_to_tp(place))
        if seen is not None and first_offset < seen:
            told = "%s/%d: the log ends before offset %d, where we were; reading it anew from %d"
            logger.warning(told, place.topic, place.partition, seen, first_offset)
            self.consumer._read_offset[_to_tp(place)] = None

    def _noting_refusals(self, send: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def send_and_note(request: Any) -> Any:
            response = await send(request)
            if isinstance(request, (JoinGroupRequest, SyncGroupRequest)):
                code = response.error_code
                self.refusal_code = NO_ERROR if code in MENDED_BY_CLIENT else code
            return response

        return send_and_note

    async def forget_refusal(self) -> None:
        """Take the refusal that the coordinator keeps, so that it goes on."""
        self.refusal_code = NO_ERROR
        coordinator = self._ensure_consumer()._coordinator
        with suppress(KafkaError):  # the one that is known
            coordinator.check_errors()
        # A heartbeat or a look-up of offsets that has failed begins anew with a rejoin alone.
        coordinator.request_rejoin()

    async def ask_for_metadata(self) -> None:
        """Ask for metadata, in the background."""
        self._ensure_consumer()._client.force_metadata_update()

    async def commit_once(self, offsets: Mapping[Partition, int], generation: int) -> Commit:
        """Commit those of the offsets whose partitions are still ours, in the generation that they are of."""
        consumer = self._ensure_consumer()
        subscription = consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return Commit.LOST
        ours = subscription.assignment.tps
        wanted = {
            TopicPartition(*place): OffsetAndMetadata(offset, "")
            for place, offset in offsets.items()
            if TopicPartition(*place) in ours
        }
        coordinator = consumer._coordinator
        if coordinator.generation != generation or self.topic_lost_in == generation:
            return Commit.LOST
        try:
            async with coordinator._commit_lock:
                await coordinator._do_commit_offsets(subscription.assignment, wanted)
        except _MOVED_ON:
            return Commit.LOST
        except UnknownTopicOrPartitionError:
            # Who comes back under that name is another topic, and the offsets mean nothing there.
            coordinator.request_rejoin()
            return Commit.LOST
        except KafkaError as error:
            if not error.retriable:
                raise
            return Commit.LATER
        return Commit.TAKEN


class _GroupedConsumer(Consumer):
    logger = _faust_logger

    def _new_consumer_thread(self) -> CommittedReader:
        return CommittedReader(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(Transport):
    """Faust's way to Kafka, with the consumer thread above."""

    Consumer = _GroupedConsumer


def _to_tp(partition: Partition) -> Any:
    return TP(*partition)
