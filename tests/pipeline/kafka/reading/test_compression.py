"""Every codec of Kafka, by producer and by topic, read back by everything of ours that reads."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import orjson
import pytest

from pipeline.alert.build import build_ledger
from pipeline.errors import UndecodableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import to_dead_letter, to_outgoing
from pipeline.messages.record import Outgoing
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.outcomes.outcome import outcome_topics
from pipeline.settings import Settings
from tests.chaos.kafka_log import NUM_PARTITIONS, LoggedRecord, follow_log, read_all
from tests.pipeline.fakes import make_abstention, make_alert, make_record
from tests.pipeline.kafka.brokers import APACHE, kafka_or_skip
from tests.pipeline.kafka.foreign_producers import CODECS, consume, make_topics, producer, send_batch

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.timeout(240)]


async def test_each_codec_of_a_producer_is_read() -> None:
    """By a stream, as both agents have one; snappy in both of its framings, as aiokafka and kcat write it."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        for codec in CODECS:
            await make_topics(settings.brokers, [codec])
            async with producer(settings.brokers, compression_type=codec) as client:
                await send_batch(client, codec, [b"one" * 50, b"two" * 50])
            if shutil.which("kcat"):
                kcat = ("kcat", "-P", "-b", settings.brokers, "-t", codec, "-p", "0", "-z", codec)
                await asyncio.to_thread(subprocess.run, kcat, input=b"three" * 50 + b"\n", check=True)
            async with producer(settings.brokers) as client:
                await client.send_and_wait(codec, b"last", partition=0)
            values = [record.value for record in await consume(settings, codec, b"last", group=codec)]
            third = [b"three" * 50] if shutil.which("kcat") else []
            assert values == [b"one" * 50, b"two" * 50, *third, b"last"]


@pytest.mark.parametrize("codec", CODECS)
async def test_each_codec_of_a_topic_is_read(codec: str) -> None:
    """By a stream, the ledger, `watch`, `dead list`, `show` and `replay`, and the readers of the chaos tests."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        topics = [settings.topic_posts, settings.topic_annotated, *outcome_topics(settings)]
        configs = {"compression.type": codec}
        await make_topics(settings.brokers, topics, configs=configs, num_partitions=NUM_PARTITIONS)
        await _publish_outcomes(settings)
        ledger = build_ledger(settings, Progress(Metrics("annotate")))
        await ledger.catch_up(["p1", "p2"])
        assert ledger.num_outcomes == 2

        watched = await _tocsin(settings, "watch", "--json", "--from-beginning", "--max", "1")
        assert orjson.loads(watched) == orjson.loads(encode(make_alert()))
        (listed,) = (await _tocsin(settings, "dead", "list", "--json")).splitlines()
        place = "{partition}/{offset}".format(**orjson.loads(listed))
        assert "x" * 150 in await _tocsin(settings, "dead", "show", place)
        assert await _tocsin(settings, "dead", "replay", place) == "1 record replayed, 0 not\n"
        (replayed,) = await consume(settings, "posts", b"x" * 300)
        assert replayed.key == b"p1"

        everything = await read_all(settings.brokers, topics)
        assert len(everything) == 4
        assert len([record async for record in _first(3, settings.brokers, outcome_topics(settings))]) == 3


async def _publish_outcomes(settings: Settings) -> None:
    letter = to_dead_letter(make_record(b"x" * 300, key=b"p1"), UndecodableError("no"), stage="decode")
    publisher = await Publisher.connect(Cluster(settings.brokers))
    await publisher.publish(
        [
            Outgoing(settings.topic_alerts, b"p1", encode(make_alert())),
            Outgoing(settings.topic_abstained, b"p2", encode(make_abstention())),
            to_outgoing(letter, settings.topic_dead),
        ]
    )
    await publisher.close()


async def _first(number: int, brokers: str, topics: Sequence[str]) -> AsyncIterator[LoggedRecord]:
    async for record in follow_log(brokers, topics):
        yield record
        number -= 1
        if not number:
            return


async def _tocsin(settings: Settings, *arguments: str) -> str:
    """Return what the command writes to standard output; it must end with status 0."""
    program = [sys.executable, "-m", "pipeline.cli", *arguments, "--brokers", settings.brokers]
    result = await asyncio.to_thread(
        subprocess.run, program, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout
