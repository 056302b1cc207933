"""What Kafka lets a producer put around a record, through the stream to the dead-letter topic, on real brokers."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.reading import RecordReader
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Record, time_of
from pipeline.outcomes.outcome import read_outcome
from pipeline.settings import Settings
from pipeline.stream.outbox import Outbox
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import FakeAnnotator
from tests.pipeline.kafka.brokers import BrokerKind
from tests.pipeline.stream.streams import make_stream

_GOOD = orjson.dumps({"id": "good", "text": "Fire in Athens"})
_BAD = b"{"
_MISSING_VALUE = [("name", None), ("name", b""), ("tocsin-stage", b"forged"), ("tocsin-attempt", None)]
_NOT_UTF8 = b"\xff\xfe"


@pytest.mark.parametrize("seconds", [-1e300, -(2.0**62), -1e12, -0.001, 0.0, 1e12, 2.0**62, 1e300])
def test_any_timestamp_is_a_time(seconds: float) -> None:
    """A producer may write any number; years outside the range of dates become the first or the last."""
    assert time_of(seconds).isoformat()


async def _send_odd(settings: Settings) -> int:
    """Send bad records with odd headers and timestamps; returns how many the broker took."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    num_sent = 0
    try:
        await producer.send_and_wait("posts", _BAD, key=b"\xff\n\x1b", headers=_MISSING_VALUE)
        num_sent += 1
        for milliseconds in (-5, -(2**62), -(10**15)):
            await producer.send_and_wait("posts", _BAD, timestamp_ms=milliseconds)
            num_sent += 1
    finally:
        await producer.stop()
    return num_sent


async def _send_name_that_is_not_utf8(settings: Settings, compression: str) -> int:
    """Send two bad records with this header name by kcat, which accepts any name; returns how many."""
    kcat = await asyncio.create_subprocess_exec(
        *("kcat", "-P", "-b", settings.brokers, "-t", "posts", "-z", compression, "-H"),
        _NOT_UTF8 + b"=value",
        stdin=subprocess.PIPE,
    )
    await kcat.communicate(_BAD + b"\n" + _BAD + b"\n")
    assert kcat.returncode == 0
    return 2


async def _process(settings: Settings, num_records: int) -> list[Record]:
    """Let the annotate agent process all that is on `posts`; returns what it published."""
    publisher = await Publisher.connect(Cluster.of(settings))
    metrics = AnnotateMetrics()
    outbox = Outbox(publisher, metrics, role=ANNOTATE, settings=settings)
    agent = AnnotateAgent(
        FakeAnnotator(),  # type: ignore[arg-type]
        outbox,
        metrics,
        reader=RecordReader(settings, metrics),
    )
    stream = make_stream(agent, settings)
    running = asyncio.ensure_future(stream.run_until_failure())
    topics = [settings.topic_annotated, settings.topic_dead]
    try:
        async with (
            asyncio.timeout(90),
            follow(Cluster(settings.brokers), topics, from_beginning=True) as records,
        ):
            published = [await anext(records) for _ in range(num_records)]
        assert not running.done()
    finally:
        running.cancel()
        await stream.stop(2.0)
        await publisher.close()
    return published


@pytest.mark.e2e
@pytest.mark.timeout(180)
async def test_odd_records_are_dead_letters_and_the_good_one_after_them_is_annotated(
    broker_kind: BrokerKind,
) -> None:
    """Neither odd headers, nor forged headers of ours, nor impossible times stop the agent."""
    async with broker_kind.running() as running:
        settings = running.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        num_bad = await _send_odd(settings)
        if shutil.which("kcat"):
            for compression in ("none", "gzip"):
                num_bad += await _send_name_that_is_not_utf8(settings, compression)
        producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
        await producer.start()
        await producer.send_and_wait("posts", _GOOD)
        await producer.stop()
        published = await _process(settings, num_bad + 1)
    dead = [record for record in published if record.topic == settings.topic_dead]
    assert len(dead) == num_bad
    letters = [read_outcome(record, settings) for record in dead]
    assert {(letter.value, letter.stage, letter.attempt) for letter in letters} == {(_BAD, "decode", 1)}  # type: ignore[union-attr]
    assert dead[0].key == b"\xff\n\x1b"
    # Headers with our own names are ours alone: forged ones are not passed on.
    assert [header for header in dead[0].headers if not header[0].startswith("tocsin-")] == _MISSING_VALUE[:2]
    if shutil.which("kcat"):
        assert dead[-1].headers[0] == ("\ufffd\ufffd", b"value")
