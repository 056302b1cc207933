"""Following whole topics, from their beginning or from now on, without end and outside any consumer group.

While the broker is away, the reader waits for it. `positions.py` notices if a topic is made anew meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.reading.consumer import connected, stop_consumer
from pipeline.kafka.reading.positions import Positions
from pipeline.kafka.refusals import NOT_ALLOWED
from pipeline.messages.record import Record

logger = logging.getLogger(__name__)

Report = Callable[[str], None]

_METADATA_MILLISECONDS = 5_000  # new partitions are seen after this time
_RECONNECT_SECONDS = 0.5


@asynccontextmanager
async def follow(
    cluster: Cluster,
    topics: Sequence[str],
    *,
    from_beginning: bool,
    report: Report = logger.warning,
) -> AsyncIterator[AsyncIterator[Record]]:
    """Give an endless iterator over the committed records of `topics`, outside any consumer group.

    Args:
        report: called with a sentence about an outage, its end, and records that are gone.

    Raises:
        BrokerUnavailableError: no broker answers.
        MissingTopicError: one of the topics does not exist.
        KafkaAccessError: the broker refuses us. The iterator raises it too, if we may not read a topic.
    """
    follower = _Follower(cluster, topics, report)
    async with follower.session() as consumer:
        await follower.positions.begin(consumer, from_beginning=from_beginning)
        async with aclosing(follower.records(consumer)) as records:
            yield records


class _Follower:
    """Connects again after each outage, and reports it."""

    def __init__(self, cluster: Cluster, topics: Sequence[str], report: Report) -> None:
        self.positions = Positions(report)
        self._cluster = cluster
        self._topics = topics
        self._report = report
        self._is_outage_reported = False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Give a connected consumer; the partitions are known then."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._cluster.brokers,
            auto_offset_reset="none",  # an offset that does not exist is an error, which `Positions` looks into
            enable_auto_commit=False,
            isolation_level="read_committed",
            metadata_max_age_ms=_METADATA_MILLISECONDS,
            **self._cluster.security.client_options(),
        )
        async with connected(consumer, self._cluster, topics=self._topics) as partitions:
            self.positions.connect(partitions)
            try:
                yield consumer
            except NOT_ALLOWED:
                raise
            except KafkaError as error:
                raise unavailable(self._cluster, error) from error

    async def records(self, first: Any) -> AsyncGenerator[Record, None]:
        """Yield records without end, by this consumer and, once it fails, by others."""
        async for record in self._until_outage(first):
            yield record
        await stop_consumer(first)
        while True:
            try:
                async with self.session() as consumer:
                    await self._resume(consumer)
                    async for record in self._until_outage(consumer):
                        yield record
            except BrokerUnavailableError as error:
                self._report_outage(error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _resume(self, consumer: Any) -> None:
        await self.positions.resume(consumer)
        if self._is_outage_reported:
            self._is_outage_reported = False
            self._report(f"connected again to Kafka {self._cluster.brokers}")

    async def _until_outage(self, consumer: Any) -> AsyncGenerator[Record, None]:
        try:
            async with aclosing(self.positions.read(consumer)) as records:
                async for record in records:
                    yield record
        except NOT_ALLOWED:
            raise
        except BrokerUnavailableError as error:
            logger.info("%s; connecting again", error)  # reported only if that fails
        except KafkaError as error:
            self._report_outage(unavailable(self._cluster, error))

    def _report_outage(self, error: Exception) -> None:
        if not self._is_outage_reported:
            self._is_outage_reported = True
            self._report(f"{error}; waiting for it")
