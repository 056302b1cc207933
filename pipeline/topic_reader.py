"""Reading whole topics, from their beginning or from now on, without end and outside any consumer group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from pipeline.kafka_connection import connected
from pipeline.kafka_security import NO_SECURITY, KafkaSecurity
from pipeline.records import Record, time_of


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
