"""The harness's own Kafka clients: they read topics and committed offsets, and set a group back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

POSTS, ANNOTATED, ALERTS, ABSTAINED, DEAD = (
    "posts",
    "posts.annotated",
    "alerts",
    "alerts.abstained",
    "posts.dead",
)
OUTCOMES = (ALERTS, ABSTAINED, DEAD)
GROUPS = {"tocsin-annotate": POSTS, "tocsin-alert": ANNOTATED}  # each group with the topic that it reads

NUM_PARTITIONS = 4

_POLL_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record of a topic, undecoded."""

    topic: str
    partition: int
    offset: int
    seconds: float  # the record's timestamp, since the epoch
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


async def create_topics(brokers: str, *, replication: int) -> None:
    """Create the five topics, as an operator may do before the agents start."""
    names = (POSTS, ANNOTATED, *OUTCOMES)
    async with _admin(brokers) as admin:
        await admin.create_topics([NewTopic(name, NUM_PARTITIONS, replication) for name in names])


async def read_all(brokers: str, topics: Sequence[str]) -> list[LoggedRecord]:
    """Return every committed record that is on the topics now."""
    records: list[LoggedRecord] = []
    async with _consumer(brokers) as consumer:
        partitions = _partitions(topics)
        beginnings = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        # A balance drawn up from only a part of the records would find false losses and miss doubles. Records cannot be
        # counted against the ends, because marks of transactions have offsets too.
        for partition, beginning in beginnings.items():
            consumer.seek(partition, beginning)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            records += await _poll(consumer)
    return records


async def follow_log(brokers: str, topics: Sequence[str]) -> AsyncIterator[LoggedRecord]:
    """Yield the records of the topics from the beginning, and then each new one, without end."""
    async with _consumer(brokers) as consumer:
        partitions = _partitions(topics)
        consumer.assign(partitions)
        while True:
            for record in await _poll(consumer):
                yield record


async def end_offsets(brokers: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Return the end of each partition's committed records, by topic and number."""
    async with _consumer(brokers) as consumer:
        ends = await consumer.end_offsets(_partitions(topics))
    return {(partition.topic, partition.partition): end for partition, end in ends.items()}


async def lag(brokers: str) -> int:
    """Return how many records of both groups' topics are not committed."""
    ends = await end_offsets(brokers, list(GROUPS.values()))
    async with _admin(brokers) as admin:
        committed = {group: await admin.list_consumer_group_offsets(group) for group in GROUPS}
    behind = 0
    for group, topic in GROUPS.items():
        for (name, number), end in ends.items():
            if name == topic:
                at = committed[group].get(TopicPartition(topic, number))
                behind += end - max(0, at.offset if at else 0)
    return behind


async def reset_groups(brokers: str) -> None:
    """Set both groups, which must have no member, to the beginning of their topics."""
    for group, topic in GROUPS.items():
        async with _consumer(brokers, group_id=group, enable_auto_commit=False) as consumer:
            partitions = _partitions([topic])
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, 0))


async def num_led_by(brokers: str, node: int) -> int:
    """Return the number of partitions of the five topics that the node leads."""
    async with _admin(brokers) as admin:
        topics = await admin.describe_topics([POSTS, ANNOTATED, *OUTCOMES])
    return sum(partition["leader"] == node for topic in topics for partition in topic["partitions"])


async def coordinator_of(brokers: str, group: str) -> int:
    """Return the node that coordinates the group."""
    async with _admin(brokers) as admin:
        return int(await admin.find_coordinator(group))


@asynccontextmanager
async def _consumer(brokers: str, **options: Any) -> AsyncIterator[Any]:
    # Not by `seek_to_beginning`: in aiokafka 0.14 an earlier look for the end of the partition may come after it.
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **options,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def _admin(brokers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _partitions(topics: Iterable[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(NUM_PARTITIONS)]


async def _poll(consumer: Any) -> list[LoggedRecord]:
    try:
        polled = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
    except KafkaError:  # a broker is away, as some scenarios intend
        await asyncio.sleep(_POLL_MILLISECONDS / 1000)
        return []
    return [
        LoggedRecord(
            topic=partition.topic,
            partition=partition.partition,
            offset=message.offset,
            seconds=message.timestamp / 1000,
            key=message.key,
            value=message.value,
            headers=tuple(message.headers),
        )
        for partition, messages in polled.items()
        for message in messages
    ]
