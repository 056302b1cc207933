"""The brokers that delivery is tested on: real ones, started on a free port and stopped after."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.kafka_jars import KafkaProgram, find_kafka
from pipeline.local.process import find_free_port
from pipeline.local.services import LocalBroker
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class BrokerKind:
    """What makes a broker."""

    make: Callable[[Path, int], LocalBroker]

    def settings(self, port: int) -> Settings:
        """Return the settings of clients of such a broker on this port."""
        return Settings(brokers=f"127.0.0.1:{port}", topic_partitions=2)

    @asynccontextmanager
    async def running(self, port: int | None = None) -> AsyncIterator[Settings]:
        """Give the settings of clients of a new broker, which lives as long as the context."""
        port = port or find_free_port()
        with tempfile.TemporaryDirectory() as folder:
            broker = self.make(Path(folder), port)
            async with started(broker):
                yield self.settings(port)


@asynccontextmanager
async def started(broker: LocalBroker) -> AsyncIterator[LocalBroker]:
    """Start the broker and, at the end of the context, stop it; gives the broker."""
    try:
        await broker.start()
        await broker.wait_until_ready(60)
        yield broker
    finally:
        await broker.stop()


def kafka_or_skip() -> KafkaProgram:
    """Return this machine's Apache Kafka; skips the test, saying what is missing, where there is none."""
    try:
        return find_kafka()
    except LocalServiceError as error:
        pytest.skip(str(error))


def _make_apache(folder: Path, port: int) -> LocalBroker:
    return ApacheKafka(find_kafka(), folder, [port])


EMBEDDED = BrokerKind(EmbeddedBroker)
APACHE = BrokerKind(_make_apache)
