"""The admin client: creates topics, reads what a group has committed, counts brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import check_access
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.refusals import check_login
from pipeline.messages.record import Partition
from pipeline.settings import Settings
from pipeline.topology import TOPICS, Topic


async def ensure_topics(settings: Settings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Create those of these topics that do not exist, by default of the agents' topics; returns their names.

    Raises:
        BrokerUnavailableError: no broker answers, or it does not create a topic; the text says which.
        KafkaAccessError: the broker refuses us, or a topic is missing and we may not create it.
    """
    cluster = Cluster.of(settings)
    wanted = [_new_topic(topic, settings) for topic in topics]
    async with _admin(cluster) as admin:
        response = await admin.create_topics(wanted)
        # An administrator may have created the topics for us, and let us create none.
        existing = set(await admin.list_topics()) if _is_refused(response) else set()
    for name, code, message in response.topic_errors:
        if code == TopicAuthorizationFailedError.errno and name not in existing:
            raise KafkaAccessError(
                f"{cluster.client} sees no topic {name!r} and may not create it: it lacks the ACL Describe or Create"
            )
        if code not in (0, TopicAlreadyExistsError.errno, TopicAuthorizationFailedError.errno):
            raise BrokerUnavailableError(
                f"topic {name!r} cannot be created: {message or for_code(code).__name__}"
            )
    return [name for name, code, _ in response.topic_errors if code == 0]


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    name, num_replicas = topic.name(settings), settings.topic_replication
    if topic.is_compacted:
        return NewTopic(name, 1, num_replicas, topic_configs={"cleanup.policy": "compact"})
    return NewTopic(name, settings.topic_partitions, num_replicas)


def _is_refused(response: Any) -> bool:
    return any(code == TopicAuthorizationFailedError.errno for _, code, _ in response.topic_errors)


async def group_offsets(cluster: Cluster, group: str) -> dict[Partition, int]:
    """Return what a consumer group has committed.

    Raises:
        BrokerUnavailableError: no broker answers.
        KafkaAccessError: the broker refuses us.
    """
    async with _admin(cluster) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    return {Partition(*tp): found.offset for tp, found in offsets.items() if found.offset >= 0}


async def count_brokers(cluster: Cluster) -> int:
    """Return how many brokers take part in the cluster at the moment.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    async with _admin(cluster) as admin:
        return len((await admin.describe_cluster())["brokers"])


@asynccontextmanager
async def _admin(cluster: Cluster) -> AsyncIterator[Any]:
    await check_access(cluster)
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.brokers, **cluster.security.client_options())
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        await check_login(cluster)
        raise unavailable(cluster, error) from error
    finally:
        await admin.close()
