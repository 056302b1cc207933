"""Connecting a Kafka client of ours: whatever keeps it from that leaves as an error of ours that says where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.kafka.aiokafka_patch import accept_any_record
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import check_advertised, find_partitions, unavailable
from pipeline.kafka.refusals import NOT_ALLOWED, knock, not_allowed
from pipeline.kafka.security import NO_SECURITY
from pipeline.messages.record import Partition


@asynccontextmanager
async def connected(
    consumer: Any, cluster: Cluster, *, topics: Sequence[str]
) -> AsyncIterator[list[Partition]]:
    """Connect a consumer of these topics, give their partitions, and disconnect it at the end.

    Raises:
        BrokerUnavailableError: nobody answers there.
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

    While a broker is away, aiokafka (0.14) cancels its own fetch in `stop`, lets the CancelledError out, which looks as
    if we were cancelled, and leaves its connections open.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    try:
        await asyncio.wait([stopping])
    finally:
        stopping.cancel()
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()


async def check_access(cluster: Cluster) -> None:
    """Knock before the client does: it would log, not raise, a refused password, and an address where nobody is.

    Raises:
        BrokerUnavailableError: the cluster sends its clients where nobody is.
        KafkaAccessError: the broker refuses us.
    """
    if cluster.security != NO_SECURITY:
        await knock(cluster)
    await check_advertised(cluster)


async def start_client(client: Any, cluster: Cluster) -> None:
    """Start the producer or consumer; one that cannot connect is stopped.

    Raises:
        BrokerUnavailableError: nobody answers there.
        KafkaAccessError: the broker refuses us; what Kafka itself does not allow is raised as it is.
    """
    try:
        await client.start()
    except BaseException as error:
        await client.stop()
        if isinstance(error, NOT_ALLOWED):
            raise
        if isinstance(error, (KafkaError, OSError)):
            await knock(cluster)
            raise unavailable(cluster, error) from error
        raise
