"""Publishing: a producer that waits until the broker has acknowledged every record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from pipeline.kafka_connection import check_access, client_name, start_client
from pipeline.kafka_refusal import NOT_ALLOWED, not_allowed
from pipeline.kafka_security import NO_SECURITY, KafkaSecurity
from pipeline.outage import retries

logger = logging.getLogger(__name__)

# Above what brokers take (1 MiB unless told otherwise): the limit that counts is theirs, for it is on what is sent.
_MAX_REQUEST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    # Makes what goes in its place if the broker finds it too large: only then, for few records ever need it.
    fallback: Callable[[], Outgoing] | None = None


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
        await check_access(brokers, security)
        producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            linger_ms=5,
            enable_idempotence=is_idempotent,
            max_request_size=_MAX_REQUEST_BYTES,
            **security.client_options(),
        )
        client = client_name(brokers, security)
        try:
            await start_client(producer, brokers, security)
        except NOT_ALLOWED as error:  # who may write nothing at all gets no producer id
            raise not_allowed(error, client=client, action="Write") from error
        return cls(producer, client=client)

    async def publish(self, records: Sequence[Outgoing]) -> int:
        """Publish all records, in order within a partition; retries for as long as the broker is away.

        Returns how often a record was too large for the broker and gave way to its fallback.

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
                    sent = {id(record) for record in remaining}
                    remaining, error = await self._send(remaining)
                    num_replaced += sum(id(record) not in sent for record in remaining)
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
                remaining.append(record.fallback())
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


def partition_number(key: bytes, num_partitions: int) -> int:
    """Return the partition that our producers put a record with this key on, as Kafka's own clients do."""
    return int((murmur2(key) & 0x7FFFFFFF) % num_partitions)
