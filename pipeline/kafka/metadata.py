"""Asks a cluster, before one of our clients starts, for the addresses of its brokers and for its topics.

aiokafka waits for a topic that does not exist, and for a broker at an address that does not answer, without end and
without an error. So the first bootstrap server that answers is asked for both, once, before that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.errors import BrokerUnavailableError, MissingTopicError
from pipeline.kafka.cluster import Cluster
from pipeline.messages.record import Partition

_ASK_MILLISECONDS = 10_000
# Long enough for another continent. An address that is not routed never answers.
_REACH_SECONDS = 5.0
# It takes a moment until every broker knows a new topic.
_TOPIC_SECONDS = 2.0
_AGAIN_SECONDS = 0.25
_NO_ANSWER = "no server answers there"


def unavailable(cluster: Cluster, why: Exception | str) -> BrokerUnavailableError:
    """Return the error that no broker answers, or that it stopped answering."""
    # aiokafka's own text lists sockets and address families.
    reason = _NO_ANSWER if "Unable to bootstrap" in str(why) else why
    return BrokerUnavailableError(f"no Kafka broker at {cluster.brokers}: {reason}")


async def check_advertised(cluster: Cluster) -> None:
    """Return if a broker can be reached at the address that the cluster gives, or if no bootstrap server answers.

    Raises:
        BrokerUnavailableError: a bootstrap server answers, but the addresses that it gives cannot be reached.
    """
    found = await _ask(cluster, [])
    if found is None:
        return
    bootstrap, answer = found
    advertised = sorted({f"{host}:{port}" for _, host, port, *_ in answer.brokers})
    if not advertised or bootstrap in advertised:
        return
    if not any(await asyncio.gather(*(_is_reachable(address) for address in advertised))):
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap} answers, but sends its clients to {', '.join(advertised)}, which cannot be reached "
            "from here: set the broker's advertised.listeners to an address that we can reach"
        )


async def find_partitions(cluster: Cluster, topics: Sequence[str]) -> list[Partition]:
    """Return the partitions of these topics. None is created: an agent creates them, with the partitions that it wants.

    Raises:
        BrokerUnavailableError: no broker answers.
        MissingTopicError: one of them does not exist.
        TopicAuthorizationFailedError: an ACL hides one of them from us.
    """
    deadline = asyncio.get_running_loop().time() + _TOPIC_SECONDS
    while True:
        found = await _ask(cluster, topics)
        if found is None:
            raise unavailable(cluster, _NO_ANSWER)
        partitions, missing = _read_topics(found[1])
        if not missing:
            return partitions
        if asyncio.get_running_loop().time() > deadline:
            raise MissingTopicError(missing, cluster.brokers)
        await asyncio.sleep(_AGAIN_SECONDS)


def _read_topics(answer: Any) -> tuple[list[Partition], list[str]]:
    """Return the partitions of the topics that were asked for, and the topics without any."""
    partitions, missing = [], []
    for code, name, _, of_topic in answer.topics:
        if code == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(name)
        if not of_topic:
            missing.append(name)
        partitions += [Partition(name, number) for _, number, *_ in of_topic]
    return sorted(partitions), sorted(missing)


async def _ask(cluster: Cluster, topics: Sequence[str]) -> tuple[str, Any] | None:
    """Return the bootstrap server that answered, `HOST:PORT`, and its answer; None if none did."""
    for host, port, _ in collect_hosts(cluster.brokers):
        # aiokafka raises a ValueError or KeyError if the broker fails to prove by SCRAM that it knows the password.
        with suppress(OSError, KafkaError, ValueError, KeyError):
            connection = await create_conn(
                host, port, request_timeout_ms=_ASK_MILLISECONDS, **cluster.security.client_options()
            )
            try:
                request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
                return f"{host}:{port}", await connection.send(request)
            finally:
                await connection.close()
    return None


async def _is_reachable(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), _REACH_SECONDS)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
