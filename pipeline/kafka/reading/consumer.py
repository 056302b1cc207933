"""A consumer of aiokafka outside any group: connected, disconnected, and its messages as our records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pipeline.kafka.aiokafka_internals import close_connections
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import check_access, start_client
from pipeline.kafka.metadata import find_partitions
from pipeline.kafka.reading.unreadable import accept_any_record
from pipeline.kafka.refusals import NOT_ALLOWED, not_allowed
from pipeline.messages.record import Partition, Record, time_of


@asynccontextmanager
async def connected(
    consumer: Any, cluster: Cluster, *, topics: Sequence[str]
) -> AsyncIterator[list[Partition]]:
    """Connect a consumer, give the partitions of these topics, and disconnect it at the end.

    Raises:
        BrokerUnavailableError: no broker answers.
        MissingTopicError: one of the topics does not exist.
        KafkaAccessError: the broker refuses us, now or while the consumer is used.
    """
    accept_any_record()
    try:
        await check_access(cluster)
        await start_client(consumer, cluster)
        yield await find_partitions(cluster, topics)
    except NOT_ALLOWED as error:
        raise not_allowed(error, client=cluster.client, action="Read") from error
    finally:
        await stop_consumer(consumer)


async def stop_consumer(consumer: Any) -> None:
    """Disconnect the consumer; may be called more than once.

    During an outage, aiokafka (0.14) cancels its own fetch in `stop` and lets the CancelledError out. That looks as if
    our task were cancelled, and its connections stay open.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    try:
        await asyncio.wait([stopping])
    finally:
        stopping.cancel()
    if stopping.cancelled():
        await close_connections(consumer)
    else:
        stopping.result()


def to_record(message: Any) -> Record:
    """Return aiokafka's message as our `Record`."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=time_of(message.timestamp / 1000),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
