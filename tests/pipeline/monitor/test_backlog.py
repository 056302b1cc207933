"""How many records wait, according to the broker."""

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Outgoing, Partition
from pipeline.monitor.backlog import count_waiting
from tests.pipeline.kafka.brokers import BrokerKind


@pytest.mark.e2e
async def test_waiting_records_are_counted_by_the_brokers_ends(broker_kind: BrokerKind) -> None:
    """Records count from the given offsets on, in empty partitions too; a broker that is gone is reported as away."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster.of(settings))
        await publisher.publish([Outgoing("posts", b"key", b"x") for _ in range(10)])
        await publisher.close()
        everything = {Partition("posts", 0): 0, Partition("posts", 1): 0}
        assert await count_waiting(Cluster.of(settings), everything) == 10
        assert await count_waiting(Cluster.of(settings), {**everything, Partition("alerts", 1): 0}) == 10
        assert await count_waiting(Cluster.of(settings), {}) == 0
        ends = {place: await count_waiting(Cluster.of(settings), {place: 0}) for place in everything}
        assert await count_waiting(Cluster.of(settings), ends) == 0
        assert sorted(ends.values()) == [0, 10]
    with pytest.raises(BrokerUnavailableError):
        await count_waiting(Cluster.of(settings), everything)
