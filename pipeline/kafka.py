"""Our own Kafka clients: a producer that waits for acknowledgements, topic creation, reading whole topics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.partitioner import murmur2

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka_refusal import NOT_ALLOWED, knock, not_allowed
from pipeline.kafka_security import NO_SECURITY, KafkaSecurity, kafka_security
from pipeline.lenient_headers import accept_any_header_name
from pipeline.outage import retries
from pipeline.records import Record, time_of
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

# Above what brokers take (1 MiB unless told otherwise): the limit that counts is theirs, for it is on what is sent.
_MAX_REQUEST_BYTES = 16 * 2**20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    fallback: Outgoing | None = None  # goes in its place where the broker finds it too large


class Publisher:
    """Publishes records and returns once the broker has acknowledged them, however long that takes."""

    def __init__(self, producer: Any, *, client: str = "this client") -> None:
        self._producer = producer
        self._client = client  # who we are and where, for messages
        self.on_failure: Callable[[], None] = lambda: None  # is told of every failure that is waited out

    @classmethod
    async def connect(
        cls, brokers: str, *, is_idempotent: bool = True, security: KafkaSecurity = NO_SECURITY
    ) -> Self:
        """Connect to the broker.

        Raises:
            BrokerUnavailableError: nobody answers there.
            KafkaAccessError: the broker refuses us.
        """
        await _check_access(brokers, security)
        producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            linger_ms=5,
            enable_idempotence=is_idempotent,
            max_request_size=_MAX_REQUEST_BYTES,
            **security.client_options(),
        )
        client = _client(brokers, security)
        try:
            await _start(producer, brokers, security)
        except NOT_ALLOWED as error:  # who may write nothing at all gets no producer id
            raise not_allowed(error, client=client, action="Write") from error
        return cls(producer, client=client)

    async def publish(self, records: Sequence[Outgoing]) -> int:
        """Publish all records, in order within a partition; retries for as long as the broker is away.

        Returns how many were too large for the broker and gave way to their fallback.

        Raises:
            KafkaError: the broker refuses a record for good (too large and without a fallback).
            KafkaAccessError: it does not let us write there.
        """
        try:
            return await self._publish(records)
        except NOT_ALLOWED as error:
            raise not_allowed(error, client=self._client, action="Write") from error

    async def _publish(self, records: Sequence[Outgoing]) -> int:
        remaining, num_replaced = list(records), 0
        async for attempt in retries(self._is_passing, wait_max_seconds=10.0):
            with attempt:
                while remaining:
                    fallbacks = {id(record.fallback) for record in remaining if record.fallback}
                    remaining, error = await self._send(remaining)
                    num_replaced += sum(id(record) in fallbacks for record in remaining)
                    if error is not None:
                        raise error
        return num_replaced

    async def _send(self, records: list[Outgoing]) -> tuple[list[Outgoing], BaseException | None]:
        """Return what is still to be sent, in order, and what went wrong if waiting may help."""
        sent = [await self._hand_over(record) for record in records]
        results = await asyncio.gather(*sent, return_exceptions=True)
        remaining: list[Outgoing] = []
        error: BaseException | None = None
        for record, result in zip(records, results, strict=True):
            if isinstance(result, MessageSizeTooLargeError) and record.fallback is not None:
                remaining.append(record.fallback)
            elif isinstance(result, BaseException):
                remaining.append(record)
                error = error or result
        return remaining, error

    async def _hand_over(self, record: Outgoing) -> Awaitable[Any]:
        try:
            acknowledgement: Awaitable[Any] = await self._producer.send(
                record.topic, key=record.key, value=record.value, headers=list(record.headers)
            )
        except MessageSizeTooLargeError as error:  # the client's own limit
            acknowledgement = asyncio.get_running_loop().create_future()
            acknowledgement.set_exception(error)
        return acknowledgement

    def _is_passing(self, error: Exception) -> bool:
        is_passing = isinstance(error, KafkaTimeoutError) or (
            isinstance(error, KafkaError) and error.retriable
        )
        if is_passing:
            self.on_failure()
            logger.warning("the broker does not take our records (%s); trying again", error)
        return is_passing

    async def close(self) -> None:
        """Flush and disconnect."""
        await self._producer.stop()


async def ensure_topics(settings: Settings) -> None:
    """Create those of the five topics that do not exist.

    Raises:
        BrokerUnavailableError: nobody answers, or the broker refuses; the text says what.
        KafkaAccessError: the broker refuses us, or a topic is missing and we may not create it.
    """
    security = kafka_security(settings)
    names = (
        settings.topic_posts,
        settings.topic_annotated,
        settings.topic_alerts,
        settings.topic_abstained,
        settings.topic_dead,
    )
    wanted = [NewTopic(name, settings.topic_partitions, settings.topic_replication) for name in names]
    async with _admin(settings.brokers, security) as admin:
        response = await admin.create_topics(wanted)
        # Who made the topics for us need not let us make any.
        existing = set(await admin.list_topics()) if _is_refused(response) else set()
    for name, code, message in response.topic_errors:
        if code == TopicAuthorizationFailedError.errno and name not in existing:
            client = _client(settings.brokers, security)
            raise KafkaAccessError(
                f"{client} sees no topic {name!r} and may not create it: it lacks the ACL Describe or Create"
            )
        if code not in (0, TopicAlreadyExistsError.errno, TopicAuthorizationFailedError.errno):
            raise BrokerUnavailableError(
                f"topic {name!r} cannot be created: {message or for_code(code).__name__}"
            )


def _is_refused(response: Any) -> bool:
    return any(code == TopicAuthorizationFailedError.errno for _, code, _ in response.topic_errors)


def partition_number(key: bytes, num_partitions: int) -> int:
    """Return the partition that our producers put a record with this key on, as Kafka's own clients do."""
    return int((murmur2(key) & 0x7FFFFFFF) % num_partitions)


async def count_brokers(brokers: str) -> int:
    """Return how many brokers take part in the cluster at the moment.

    Raises:
        BrokerUnavailableError: nobody answers.
    """
    async with _admin(brokers, NO_SECURITY) as admin:
        return len((await admin.describe_cluster())["brokers"])


@asynccontextmanager
async def _admin(brokers: str, security: KafkaSecurity) -> AsyncIterator[Any]:
    await _check_access(brokers, security)
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers, **security.client_options())
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        await knock(brokers, security)
        raise _unavailable(brokers, error) from error
    finally:
        await admin.close()


@asynccontextmanager
async def reading(
    brokers: str, topics: Sequence[str], *, from_beginning: bool, security: KafkaSecurity = NO_SECURITY
) -> AsyncIterator[AsyncIterator[Record]]:
    """Give an endless iterator over the records of `topics`, outside any consumer group.

    Raises:
        BrokerUnavailableError: nobody answers there.
        KafkaAccessError: the broker refuses us; also from the iterator, where we may not read a topic.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=brokers,
        auto_offset_reset="earliest" if from_beginning else "latest",
        **security.client_options(),
    )
    async with connected(consumer, brokers, security), aclosing(_records(consumer)) as records:
        yield records


@asynccontextmanager
async def connected(consumer: Any, brokers: str, security: KafkaSecurity) -> AsyncIterator[None]:
    """Connect the consumer, and disconnect it at the end.

    Raises:
        BrokerUnavailableError: nobody answers there.
        KafkaAccessError: the broker refuses us, now or while the consumer is used.
    """
    accept_any_header_name()
    try:
        await _check_access(brokers, security)
        await _start(consumer, brokers, security)
        yield
    except NOT_ALLOWED as error:
        raise not_allowed(error, client=_client(brokers, security), action="Read") from error
    finally:
        await consumer.stop()


async def _check_access(brokers: str, security: KafkaSecurity) -> None:
    """Ask before the client does where passwords and certificates are involved: it would log, not raise, a refusal."""
    if security != NO_SECURITY:
        await knock(brokers, security)


def _client(brokers: str, security: KafkaSecurity) -> str:
    return f"{security.user} at Kafka {brokers}"


async def _start(client: Any, brokers: str, security: KafkaSecurity) -> None:
    try:
        await client.start()
    except BaseException as error:
        await client.stop()
        if isinstance(error, NOT_ALLOWED):
            raise
        if isinstance(error, (KafkaError, OSError)):
            await knock(brokers, security)
            raise _unavailable(brokers, error) from error
        raise


def _unavailable(brokers: str, error: Exception) -> BrokerUnavailableError:
    return BrokerUnavailableError(f"no Kafka broker at {brokers}: {error}")


async def _records(consumer: Any) -> AsyncGenerator[Record, None]:
    async for message in consumer:
        yield to_record(message)


def to_record(message: Any) -> Record:
    """Return the client's message as a record of ours."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=time_of(message.timestamp / 1000),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
