"""One member of a consumer group, by aiokafka's consumer: the file that touches private parts of aiokafka 0.14.

What its public parts do not give:

- What the group answers. aiokafka keeps a refusal until it is asked for it, and does nothing until then.
- One attempt at a commit, by a member. aiokafka repeats one for as long as the topic is missing, and would then commit
  the offset of a deleted topic to the new one of its name. For a member that the group has forgotten it commits as a
  client without a group, which an empty group takes.
- How far a partition was fetched, also past offsets that no application sees: control records, aborted transactions,
  holes that compaction leaves.
- A partition without a commit, after a rebalance has dropped what was fetched of it: aiokafka does not go back there.
- Committed records alone, if Faust has made the consumer for all of them.
- Metadata at once.

`tests/pipeline/stream/test_group_client.py` fails if a new release changes one of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
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

from pipeline.messages.record import Partition
from pipeline.stream.group_refusal import MENDED_BY_CLIENT, NO_ERROR

_MOVED_ON = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError, IllegalStateError)


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
    LOST = "the group or the topic has moved on without this member: it must join again, and all of it comes again"


class GroupClient:
    """A view of an aiokafka consumer, before, while and after it runs. Coroutines run in the consumer's event loop.

    Args:
        consumer: has not started; it is made to read committed records alone.
    """

    def __init__(self, consumer: Any) -> None:
        assert consumer._isolation_level == "read_uncommitted", "aiokafka keeps its isolation level elsewhere"
        consumer._isolation_level = "read_committed"
        self._consumer = consumer
        self._refusal_code = NO_ERROR
        # The generation in which the topic was missing, if only for a moment.
        self.topic_lost_in: int | None = None

    def listen(self) -> None:
        """Note from now on what the group answers; the consumer has started."""
        coordinator = self._consumer._coordinator
        coordinator._send_req = self._noting_refusals(coordinator._send_req)
        self._consumer._client.cluster.add_listener(self._note_missing_topic)

    def membership(self) -> Membership:
        """Return what is known of the group."""
        coordinator = self._consumer._coordinator
        if not isinstance(coordinator, GroupCoordinator):
            return Membership()
        if coordinator._coordination_task.done() and not coordinator._coordination_task.cancelled():
            return Membership(error=coordinator._coordination_task.exception(), is_over=True)
        if coordinator._pending_exception is not None:
            return Membership(refusal_code=self._refusal_code, error=coordinator._pending_exception)
        has_coordinator = coordinator.coordinator_id is not None
        is_member = (
            has_coordinator
            and coordinator.generation >= 0  # Tansu counts from 0, Kafka from 1; -1 is none
            and not coordinator._rejoin_needed_fut.done()
            and self._assignment is not None
        )
        return Membership(is_member=is_member, has_coordinator=has_coordinator)

    @property
    def has_pending_refusal(self) -> bool:
        """Whether the group has refused this member, and the client waits because of it."""
        return self._consumer._coordinator._pending_exception is not None

    def has_topic(self, topic: str) -> bool:
        """Whether the cluster has the topic, as far as the client knows."""
        return self._consumer._client.cluster.partitions_for_topic(topic) is not None

    def may_see(self, topic: str) -> bool:
        """Whether an ACL lets this client see the topic, as far as the client knows."""
        return topic not in self._consumer._client.cluster.unauthorized_topics

    def positions(self) -> Iterator[tuple[Partition, int]]:
        """Yield each partition of this member, and the offset that is fetched next of it."""
        assignment = self._assignment
        for tp in () if assignment is None else assignment.tps:
            state = assignment.state_value(tp)
            if state.has_valid_position:
                yield Partition(*tp), state.position

    async def seek_to_committed(self) -> Any:
        """Go back to what is committed, and to the oldest record if nothing is."""
        committed = await self._consumer.seek_to_committed()
        # aiokafka leaves a partition without a commit at its position: behind records that Faust dropped because the
        # group was changing when they came.
        if anew := [tp for tp, offset in committed.items() if not offset]:
            self._consumer._fetcher.request_offset_reset(anew, OffsetResetStrategy.EARLIEST)
        return committed

    async def forget_refusal(self) -> None:
        """Take the refusal that the coordinator keeps, so that it asks to join again."""
        self._refusal_code = NO_ERROR
        coordinator = self._consumer._coordinator
        with suppress(KafkaError):  # the refusal, which is known
            coordinator.check_errors()
        # A heartbeat or a look-up of offsets that has failed begins anew with a rejoin alone.
        coordinator.request_rejoin()

    async def ask_for_metadata(self) -> None:
        """Ask for metadata, in the background."""
        self._consumer._client.force_metadata_update()

    async def commit_once(self, offsets: Mapping[Partition, int], generation: int) -> Commit:
        """Try once to commit those offsets whose partitions are still this member's, in their generation.

        Raises:
            KafkaError: the broker refuses for good; an ACL is missing, for instance.
        """
        assignment, coordinator = self._assignment, self._consumer._coordinator
        if assignment is None or coordinator.generation != generation or self.topic_lost_in == generation:
            return Commit.LOST
        wanted = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "")
            for partition, offset in offsets.items()
            if TopicPartition(*partition) in assignment.tps
        }
        try:
            async with coordinator._commit_lock:
                await coordinator._do_commit_offsets(assignment, wanted)
        except _MOVED_ON:
            return Commit.LOST
        except UnknownTopicOrPartitionError:
            # A topic that comes back under that name is another one, and the offsets mean nothing there.
            coordinator.request_rejoin()
            return Commit.LOST
        except KafkaError as error:
            if not error.retriable:
                raise
            return Commit.LATER
        return Commit.TAKEN

    @property
    def _assignment(self) -> Any:
        subscription = self._consumer._subscription.subscription
        return None if subscription is None else subscription.assignment

    def _note_missing_topic(self, cluster: Any) -> None:
        """Note that the cluster lacks a topic: it may be back, another one, before anything else shows it."""
        subscription = self._consumer._subscription.subscription
        topics = () if subscription is None else subscription.topics
        if any(cluster.partitions_for_topic(topic) is None for topic in topics):
            self.topic_lost_in = self._consumer._coordinator.generation

    def _noting_refusals(self, send: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def send_and_note(request: Any) -> Any:
            response = await send(request)
            if isinstance(request, (JoinGroupRequest, SyncGroupRequest)):
                code = response.error_code
                self._refusal_code = NO_ERROR if code in MENDED_BY_CLIENT else code
            return response

        return send_and_note
