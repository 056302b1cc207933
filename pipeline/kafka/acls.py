"""Checks before the work begins that Kafka's ACLs allow it.

A consumer without the ACL for its group waits for ever and logs nothing. A producer without the ACL for its topic
fails only at the first record. aiokafka's metadata request is too old to ask for rights: a newer one is defined here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.refusals import check_login
from pipeline.kafka.security import NO_SECURITY

# Bits of the operations in Kafka's answer.
_READ, _WRITE = 1 << 3, 1 << 4
_TEXT = String("utf-8")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a program does: read topics, perhaps one of them as a member of a group, and write topics."""

    read: Sequence[str]
    group: str | None
    write: Sequence[str]


async def check_acls(cluster: Cluster, needs: Needs) -> None:
    """Return if Kafka lets us do what we need. Without a login there is nothing to check.

    Raises:
        KafkaAccessError: ACLs are missing, and the text names all of them; or the broker refuses us.
        BrokerUnavailableError: no broker answers.
    """
    if cluster.security == NO_SECURITY:
        return
    try:
        async with _client(cluster) as client:
            missing = await _missing_on_topics(client, needs)
            if needs.group is not None:
                missing += await _missing_on_group(client, needs.group)
    except IncompatibleBrokerVersion:  # Kafka before 2.3 cannot say
        return
    except (KafkaError, OSError) as error:
        await check_login(cluster)  # the login may be the cause
        raise BrokerUnavailableError(
            f"Kafka at {cluster.brokers} does not say what we may do: {error!r}"
        ) from error
    if missing:
        raise KafkaAccessError(
            f"{cluster.security.user} lacks ACLs at Kafka {cluster.brokers}: {'; '.join(missing)}"
        )


@asynccontextmanager
async def _client(cluster: Cluster) -> AsyncIterator[Any]:
    client = AIOKafkaClient(bootstrap_servers=cluster.brokers, **cluster.security.client_options())
    try:
        await client.bootstrap()
        yield client
    finally:
        await client.close()


async def _missing_on_topics(client: Any, needs: Needs) -> list[str]:
    wanted = [(topic, _READ, "Read") for topic in needs.read]
    wanted += [(topic, _WRITE, "Write") for topic in needs.write]
    topics = list(dict.fromkeys(topic for topic, *_ in wanted))
    response = await client.send(client.get_random_node(), _RightsRequest(topics))
    # Kafka answers with another error for a topic that is just being created: then no ACL is known to be missing.
    rights = {topic: operations for code, topic, _, _, operations in response.topics if code == 0}
    rights |= {topic: 0 for code, topic, *_ in response.topics if code == TopicAuthorizationFailedError.errno}
    return [f"{name} on topic {topic!r}" for topic, bit, name in wanted if not rights.get(topic, bit) & bit]


async def _missing_on_group(client: Any, group: str) -> list[str]:
    try:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
        # The heartbeat of a member that does not exist: with the ACL, Kafka answers that it does not know the member.
        response = await client.send(coordinator, HeartbeatRequest(group, -1, ""))
    except GroupAuthorizationFailedError:
        return [f"Read on consumer group {group!r}"]
    is_refused = response.error_code == GroupAuthorizationFailedError.errno
    return [f"Read on consumer group {group!r}"] if is_refused else []


class _RightsResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class _RightsRequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _RightsResponse
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _RightsRequest(Request[_RightsRequestStruct]):  # type: ignore[misc]
    """Metadata of some topics, with what we may do to each (KIP-430)."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def prepare(self, versions: dict[int, tuple[int, int]]) -> _RightsRequestStruct:
        """Return the request, or raise `IncompatibleBrokerVersion` if the broker is too old for it."""
        oldest, newest = versions.get(self.API_KEY, (0, 0))
        if not oldest <= _RightsRequestStruct.API_VERSION <= newest:
            raise IncompatibleBrokerVersion("the broker does not accept metadata requests of version 8")
        return self.build(_RightsRequestStruct)

    def build(self, request_struct_class: type[_RightsRequestStruct]) -> _RightsRequestStruct:
        return request_struct_class(self._topics, False, False, True)
