"""Starts a Kafka client. If it cannot connect, it raises an error that names the address and the reason."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import check_advertised, unavailable
from pipeline.kafka.refusals import NOT_ALLOWED, check_login
from pipeline.kafka.security import NO_SECURITY


async def check_access(cluster: Cluster) -> None:
    """Check login and addresses before a client connects: the client would only log what is wrong, and try for ever.

    Raises:
        BrokerUnavailableError: the addresses that the cluster gives its clients cannot be reached.
        KafkaAccessError: the broker refuses us.
    """
    if cluster.security != NO_SECURITY:
        await check_login(cluster)
    await check_advertised(cluster)


async def start_client(client: Any, cluster: Cluster) -> None:
    """Start a producer or consumer. One that cannot connect is stopped.

    Raises:
        BrokerUnavailableError: no broker answers.
        KafkaAccessError: the broker refuses us. An ACL that is missing is raised as aiokafka raises it.
    """
    try:
        await client.start()
    except BaseException as error:
        await client.stop()
        if isinstance(error, NOT_ALLOWED):
            raise
        if isinstance(error, (KafkaError, OSError)):
            await check_login(cluster)
            raise unavailable(cluster, error) from error
        raise
