"""Batches that cannot be read, on a real broker's disk: all other records are read, and the log names the batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import find_free_port
from pipeline.messages.record import Partition
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.kafka.foreign_producers import CODECS, consume, damage, make_topics, producer, send_batch

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.timeout(240)]

_BATCHES = ([b"one", b"two"], [b"bad" * 20, b"worse" * 20], [b"three", b"four"], [b"bad" * 20], [b"last"])
_READABLE = [b"one", b"two", b"three", b"four", b"last"]


async def test_damaged_batches_cost_no_other_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of each codec, with a checksum that fits and with one that does not; for streams and for both readers."""
    kafka = ApacheKafka(kafka_or_skip(), tmp_path, [find_free_port()])
    settings = Settings(brokers=kafka.brokers)
    topics = {f"{codec}-{fits}": fits for codec in (*CODECS, "none") for fits in (True, False)}
    async with started(kafka):
        await make_topics(kafka.brokers, topics)
        for topic in topics:
            codec = topic.partition("-")[0]
            async with producer(kafka.brokers, compression_type=None if codec == "none" else codec) as client:
                for batch in _BATCHES:
                    await send_batch(client, topic, batch)
    for topic, fits_checksum in topics.items():
        for offset in (2, 6):
            damage(tmp_path, topic, offset, fits_checksum=fits_checksum)
    async with started(kafka):
        for topic in topics:
            caplog.clear()
            consumed = await consume(settings, topic, b"last", group=topic)
            assert [record.value for record in consumed] == _READABLE
            async with partition_reader(Cluster.of(settings), [topic]) as reader:
                chunks = [chunk async for chunk in reader.read({Partition(topic, 0): 0})]
            assert [record.value for chunk in chunks for record in chunk] == _READABLE
            async with follow(Cluster(kafka.brokers), [topic], from_beginning=True) as records:
                assert [(await anext(records)).value for _ in _READABLE] == _READABLE
            errors = [r.getMessage() for r in caplog.records if r.name == "pipeline.kafka.reading.unreadable"]
            assert [error.partition(" (")[0] for error in errors] == [
                f"{topic}/0/2: batch of 2 records cannot be read",
                f"{topic}/0/6: batch of 1 records cannot be read",
            ]
