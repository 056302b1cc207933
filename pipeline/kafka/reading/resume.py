"""Reading one topic without end from given offsets, outside any consumer group, until the connection fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import unavailable
from pipeline.kafka.reading.consumer import connected
from pipeline.kafka.reading.positions import Positions
from pipeline.kafka.refusals import NOT_ALLOWED
from pipeline.messages.record import Partition, Record


@asynccontextmanager
async def resumed(
    cluster: Cluster, topic: str, starts: Mapping[int, int] | None, *, report: Callable[[str], None]
) -> AsyncIterator[tuple[dict[int, int], AsyncIterator[Record]]]:
    """Give the offset at which each partition begins, and an iterator over the committed records from there.

    The iterator ends once the topic has new partitions.

    Args:
        starts: the offset to read next, by partition. A partition that is not among them is new, and is read from its
            beginning. None: all are read from now on.
        report: called with a sentence about records that are gone.

    Raises:
        BrokerUnavailableError: no broker answers, now or later, or the topic does not exist.
        KafkaAccessError: the broker refuses us.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.brokers,
        auto_offset_reset="none",  # an offset that does not exist is an error, which `Positions` looks into
        enable_auto_commit=False,
        isolation_level="read_committed",
        metadata_max_age_ms=5_000,  # new partitions are seen after this time
        **cluster.security.client_options(),
    )
    positions = Positions(
        report
    )  # not those of the connection before: what that read last may not be used yet
    async with connected(consumer, cluster, topics=[topic]) as partitions:
        positions.connect(partitions)
        try:
            known = {Partition(topic, partition): offset for partition, offset in (starts or {}).items()}
            await positions.begin(consumer, from_beginning=starts is not None, starts=known)
            async with aclosing(positions.read(consumer)) as records:
                yield positions.next_offsets(topic), records
        except NOT_ALLOWED:
            raise
        except KafkaError as error:
            raise unavailable(cluster, error) from error
