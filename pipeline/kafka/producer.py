"""Sending a batch of records by a producer that is replaced once the broker no longer knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.partitioner import murmur2

from pipeline.kafka.aiokafka_internals import close_producer
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import start_client
from pipeline.messages.record import Outgoing

# Above the usual limit of brokers (1 MiB): the broker's own limit decides, because it counts compressed bytes.
_MAX_REQUEST_BYTES = 16 * 2**20
# A topic that was deleted and made again is known after this time at the latest.
_METADATA_MILLISECONDS = 10_000
_CLOSE_SECONDS = 1.0

# The broker has lost its data, another producer has taken our producer's id, or a record was too large: the number of
# the refused record is used up, so the next record on its partition seems to come too early. aiokafka then gives up.
FORGOTTEN = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)


class RenewableProducer:
    """Sends batches by a producer of aiokafka, and by another once the broker no longer knows that one.

    Args:
        producer: it is connected.
        make_producer: connects another; None: the producer is never replaced.
    """

    def __init__(self, producer: Any, make_producer: Callable[[], Awaitable[Any]] | None = None) -> None:
        self._producer = producer
        self._make_producer = make_producer
        self.is_forgotten = False  # the broker no longer knows the producer
        self._renewing = asyncio.Lock()
        self._replaced = asyncio.Event()  # set once another producer has taken the place of the present one

    @classmethod
    async def connect(cls, cluster: Cluster) -> Self:
        """Connect to the broker.

        Raises:
            BrokerUnavailableError: no broker answers.
            KafkaAccessError: the broker refuses us; an ACL that is missing is raised as aiokafka raises it.
        """
        make_producer = partial(_connect_producer, cluster)
        return cls(await make_producer(), make_producer)

    def renew(self) -> None:
        """Have the next batch sent by a new producer: the broker may have lost what it knew of this one.

        A broker without its data hands out producer ids from the beginning. If two producers had one id, the broker
        would take their records for repeats of each other's.
        """
        self.is_forgotten = self._make_producer is not None

    async def replace_if_forgotten(self) -> None:
        """Connect another producer if the broker no longer knows the present one.

        Raises:
            BrokerUnavailableError, LoginRefusedError: another cannot be connected now.
        """
        async with self._renewing:
            if not self.is_forgotten or self._make_producer is None:
                return
            old, self._producer = self._producer, await self._make_producer()
            self.is_forgotten = False
            # Records still on their way there may never arrive: `send` reports them as not acknowledged.
            self._replaced.set()
            self._replaced = asyncio.Event()
            await _stop(old)

    async def send(self, records: list[Outgoing]) -> tuple[list[Outgoing], BaseException | None]:
        """Return the records that are not acknowledged, in order, and an error: "too large" before any other."""
        producer = self._producer
        results = await self._acknowledged(producer, records)
        pairs = zip(records, results, strict=True)
        failed = [(record, result) for record, result in pairs if isinstance(result, BaseException)]
        errors = [error for _, error in failed]
        too_large = next((error for error in errors if isinstance(error, MessageSizeTooLargeError)), None)
        error = too_large or next(iter(errors), None)
        if isinstance(error, FORGOTTEN) and producer is self._producer:
            self.renew()
        return [record for record, _ in failed], error

    async def _acknowledged(self, producer: Any, records: list[Outgoing]) -> list[object]:
        """Return an acknowledgement or an error for each record, as soon as the producer is replaced at the latest."""
        sending = asyncio.ensure_future(_hand_over_all(producer, records))
        replaced = asyncio.ensure_future(self._replaced.wait())
        try:
            await asyncio.wait([sending, replaced], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            return [KafkaTimeoutError("the producer was replaced")] * len(records)
        finally:
            sending.cancel()
            replaced.cancel()

    async def close(self) -> None:
        """Send what is left, and disconnect."""
        await self._producer.stop()

    async def abandon(self) -> None:
        """Disconnect, whether or not everything is sent."""
        await _stop(self._producer)


async def _connect_producer(cluster: Cluster) -> Any:
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.brokers,
        acks="all",
        linger_ms=5,
        enable_idempotence=cluster.is_idempotent,
        max_request_size=_MAX_REQUEST_BYTES,
        metadata_max_age_ms=_METADATA_MILLISECONDS,
        **cluster.security.client_options(),
    )
    await start_client(producer, cluster)
    return producer


async def _hand_over_all(producer: Any, records: list[Outgoing]) -> list[object]:
    acknowledgements = [await _hand_over(producer, record) for record in records]
    return await asyncio.gather(*acknowledgements, return_exceptions=True)


async def _hand_over(producer: Any, record: Outgoing) -> Awaitable[object]:
    try:
        acknowledgement: Awaitable[object] = await producer.send(
            record.topic, key=record.key, value=record.value, headers=list(record.headers)
        )
    except MessageSizeTooLargeError as error:  # the client's own limit
        refused: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused
    return acknowledgement


async def _stop(producer: Any) -> None:
    """Disconnect a producer that may never be able to send what it holds."""
    try:
        await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)
    except TimeoutError:
        await close_producer(producer)


def partition_number(key: bytes, num_partitions: int) -> int:
    """Return the partition on which our producers put a record with this key. Kafka's own clients choose the same."""
    return int((murmur2(key) & 0x7FFFFFFF) % num_partitions)
