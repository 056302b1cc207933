"""Our own Kafka clients: a producer that waits for acknowledgements, topic creation, reading whole topics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.partitioner import murmur2

from pipeline.errors import BrokerUnavailableError
from pipeline.outage import retries
from pipeline.records import Record
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
    headers: Sequence[tuple[str, bytes]] = ()
    fallback: Outgoing | None = None  # goes in its place where the broker finds it too large


class Publisher:
    """Publishes records and returns once the broker has acknowledged them, however long that takes."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self.on_failure: Callable[[], None] = lambda: None  # is told of every failure that is waited out

    @classmethod
    async def connect(cls, brokers: str, *, is_idempotent: bool = True) -> Self:
        """Connect to the broker.

        Raises:
            BrokerUnavailableError: nobody answers there.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            linger_ms=5,
            enable_idempotence=is_idempotent,
            max_request_size=_MAX_REQUEST_BYTES,
        )
        await _start(producer, brokers)
        return cls(producer)

    async def publish(self, records: Sequence[Outgoing]) -> int:
        """Publish all records, in order within a partition; retries for as long as the broker is away.

        Returns how many were too large for the broker and gave way to their fallback.

        Raises:
            KafkaError: the broker refuses a record for good (not allowed, or too large and without a fallback).
        """
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
    """
    names = (
        settings.topic_posts,
        settings.topic_annotated,
        settings.topic_alerts,
        settings.topic_abstained,
        settings.topic_dead,
    )
    wanted = [NewTopic(name, settings.topic_partitions, settings.topic_replication) for name in names]
    async with _admin(settings.brokers) as admin:
        response = await admin.create_topics(wanted)
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise BrokerUnavailableError(
                f"topic {name!r} cannot be created: {message or for_code(code).__name__}"
            )


def partition_number(key: bytes, num_partitions: int) -> int:
    """Return the partition that our producers put a record with this key on, as Kafka's own clients do."""
    return int((murmur2(key) & 0x7FFFFFFF) % num_partitions)


async def count_brokers(brokers: str) -> int:
    """Return how many brokers take part in the cluster at the moment.

    Raises:
        BrokerUnavailableError: nobody answers.
    """
    async with _admin(brokers) as admin:
        return len((await admin.describe_cluster())["brokers"])


@asynccontextmanager
async def _admin(brokers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise _unavailable(brokers, error) from error
    finally:
        await admin.close()


@asynccontextmanager
async def reading(
    brokers: str, topics: Sequence[str], *, from_beginning: bool
) -> AsyncIterator[AsyncIterator[Record]]:
    """Give an endless iterator over the records of `topics`, outside any consumer group.

    Raises:
        BrokerUnavailableError: nobody answers there.
    """
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=brokers, auto_offset_reset="earliest" if from_beginning else "latest"
    )
    async with connected(consumer, brokers), aclosing(_records(consumer)) as records:
        yield records


@asynccontextmanager
async def connected(consumer: Any, brokers: str) -> AsyncIterator[None]:
    """Connect the consumer, and disconnect it at the end.

    Raises:
        BrokerUnavailableError: nobody answers there.
    """
    await _start(consumer, brokers)
    try:
        yield
    finally:
        await consumer.stop()


async def _start(client: Any, brokers: str) -> None:
    try:
        await client.start()
    except BaseException as error:
        await client.stop()
        if isinstance(error, (KafkaError, OSError)):
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
        timestamp=datetime.fromtimestamp(message.timestamp / 1000, UTC),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
