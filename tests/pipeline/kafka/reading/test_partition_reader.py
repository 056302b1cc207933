"""Reading partitions to their ends on real brokers; of transactions and holes: `test_transactions.py`."""

import pytest

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Outgoing, Partition
from tests.pipeline.kafka.brokers import BrokerKind

_FULL, _EMPTY = Partition("posts", 0), Partition("alerts", 0)


@pytest.mark.e2e
async def test_an_offset_that_is_gone_means_the_oldest(broker_kind: BrokerKind) -> None:
    """As after a broker came back without its data; the ends are those of the records that there are."""
    async with broker_kind.running() as running:
        settings = running.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster.of(settings))
        await publisher.publish([Outgoing("posts", None, b"%d" % number) for number in range(3)])
        await publisher.close()
        async with partition_reader(Cluster.of(settings), ["posts", "alerts"]) as reader:
            assert reader.partitions == [_EMPTY, _FULL]
            for start in (0, 50):
                found = [r.value async for chunk in reader.read({_FULL: start, _EMPTY: 0}) for r in chunk]
                assert found == [b"0", b"1", b"2"]
                assert await reader.ends({_FULL: start, _EMPTY: 0}) == {_FULL: 3, _EMPTY: 0}
            assert await reader.ends({_FULL: 3, _EMPTY: 0}) == {_FULL: 3, _EMPTY: 0}
            assert [chunk async for chunk in reader.read({_FULL: 3})] == []
