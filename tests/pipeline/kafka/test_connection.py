import asyncio
from pathlib import Path

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import EMBEDDED, started


async def test_where_nobody_listens_the_error_names_the_address() -> None:
    """For every client of ours."""
    brokers = f"127.0.0.1:{find_free_port()}"
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await Publisher.connect(Cluster(brokers))
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await ensure_topics(Settings(brokers=brokers))
    with pytest.raises(BrokerUnavailableError, match=brokers):
        async with follow(Cluster(brokers), ["posts"], from_beginning=True):
            pass


@pytest.mark.e2e
async def test_a_reader_whose_broker_went_away_is_closed_and_not_cancelled(tmp_path: Path) -> None:
    """What aiokafka cancels of its own, when it is stopped in an outage, is not our cancellation."""
    broker = EmbeddedBroker(tmp_path, port := find_free_port())
    settings = EMBEDDED.settings(port)
    async with started(broker):
        await ensure_topics(settings)
        readers = [partition_reader(Cluster.of(settings), ["posts"]) for _ in range(5)]
        opened = [await reader.__aenter__() for reader in readers]
        for reader in opened:
            assert [chunk async for chunk in reader.read(dict.fromkeys(reader.partitions, 0))] == []
    for pause, context in enumerate(readers):  # one of them is stopped between two attempts
        await asyncio.sleep(0.03 * pause)
        await context.__aexit__(None, None, None)
