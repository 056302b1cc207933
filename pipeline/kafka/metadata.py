"""What a cluster says of itself before a client of ours starts: where its brokers are, and which topics it has.

aiokafka waits for a topic that does not exist, and for a broker at an address where nobody is, without end and without
an error. Here both are asked for first, once, by whoever answers of the bootstrap servers.
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
# Long enough for another continent; an address that is not routed answers never.
_REACH_SECONDS = 5.0
# A topic that was made just now is not known to every broker at once.
_TOPIC_SECONDS = 2.0
_AGAIN_SECONDS = 0.25
_NO_ANSWER = "no server answers there"


def unavailable(cluster: Cluster, why: Exception | str) -> BrokerUnavailableError:
    """Return the error that there is no broker, or that it answers no more."""
    # aiokafka's own text lists sockets and address families.
    reason = _NO_ANSWER if "Unable to bootstrap" in str(why) else why
    return BrokerUnavailableError(f"no Kafka broker at {cluster.brokers}: {reason}")


async def check_advertised(cluster: Cluster) -> None:
    """Return if a broker can be reached where the cluster says that it is, or if nobody says anything.

    Raises:
        BrokerUnavailableError: a bootstrap server answers, and sends its clients where nobody is.
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
            f"Kafka at {bootstrap} answers, but says that its clients must go to {', '.join(advertised)}, where nobody "
            "can be reached from here: set the broker's advertised.listeners to an address that we can reach"
        )


async def find_partitions(cluster: Cluster, topics: Sequence[str]) -> list[Partition]:
    """Return the partitions of these topics, and make none: an agent makes them with the partitions that it wants.

    Raises:
        BrokerUnavailableError: nobody answers.
        MissingTopicError: one of them does not exist.
        TopicAuthorizationFailedError: we may not know of one.
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
    """Return who answered, `HOST:PORT`, and the answer; None if nobody did."""
    for host, port, _ in collect_hosts(cluster.brokers):
        # A broker that fails SCRAM's proof of the password makes aiokafka raise a ValueError or KeyError.
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
