"""Following topics over outages, on real brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import MissingTopicError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import find_free_port
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind, kafka_or_skip, started
from tests.pipeline.kafka.foreign_producers import delete_topics, make_topics

_SECONDS = 90.0  # more than anything here takes on a busy machine


@pytest.mark.e2e
async def test_records_come_back_as_they_were_published(broker_kind: BrokerKind) -> None:
    """Key, value, headers and order within a partition; creating topics twice is not an error."""
    async with broker_kind.running() as running:
        settings = running.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster.of(settings))
        sent = [Outgoing("alerts", b"k", bytes([n]), [("h", b"\xff")]) for n in range(50)]
        await publisher.publish(sent)
        await publisher.close()
        async with follow(Cluster(settings.brokers), ["alerts"], from_beginning=True) as records:
            received = [await asyncio.wait_for(anext(records), 20) for _ in sent]
    assert [Outgoing(r.topic, r.key, r.value, list(r.headers)) for r in received] == sent
    assert [r.offset for r in received] == list(range(50))


async def _publish(settings: Settings, *values: bytes) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish([Outgoing("alerts", None, value) for value in values])
    await publisher.close()


@asynccontextmanager
async def _following(
    settings: Settings, said: list[str], *, from_beginning: bool = True
) -> AsyncIterator[Any]:
    async with (
        asyncio.timeout(_SECONDS),
        follow(
            Cluster(settings.brokers), ["alerts"], from_beginning=from_beginning, report=said.append
        ) as records,
    ):
        yield records


async def _next(records: AsyncIterator[Any], number: int) -> list[bytes]:
    return [(await anext(records)).value for _ in range(number)]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """For what is used on several brokers, one after the other."""
    async with AsyncExitStack() as stack:
        yield stack


def _fits(said: Sequence[str], *expected: str) -> bool:
    """Whether these sentences were said, by their beginnings, in this order and no others."""
    return len(said) == len(expected) and all(map(str.startswith, said, expected))


@pytest.mark.e2e
@pytest.mark.timeout(180)
async def test_following_goes_on_from_the_new_beginning_after_the_broker_lost_its_data(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    """Also if the new topic is longer by then than the old one was. Both are reported."""
    port, said = find_free_port(), list[str]()
    settings = EMBEDDED.settings(port).model_copy(update={"topic_partitions": 1})
    first = EmbeddedBroker(tmp_path, port)
    async with started(first):
        await ensure_topics(settings)
        await _publish(settings, b"1", b"2", b"3")
        records = await stack.enter_async_context(_following(settings, said))
        assert await _next(records, 3) == [b"1", b"2", b"3"]
        waiting = asyncio.ensure_future(_next(records, 2))
        await asyncio.sleep(0)
    while not said:  # the outage is noticed
        await asyncio.sleep(0.1)
    async with started(EmbeddedBroker(tmp_path, port)):
        await ensure_topics(settings)
        await _publish(settings, b"4", b"5")
        assert await waiting == [b"4", b"5"]
        waiting = asyncio.ensure_future(_next(records, 4))
        await asyncio.sleep(0)
    while len(said) < 4:
        await asyncio.sleep(0.1)
    async with started(EmbeddedBroker(tmp_path, port)):
        await ensure_topics(settings)
        await _publish(settings, b"6", b"7", b"8", b"9")
        assert await waiting == [b"6", b"7", b"8", b"9"]
        await stack.aclose()
    lost = ("connected again to Kafka 127.0.0.1:", "topic alerts is not the one that it was")
    outages = [line for line in said if line.endswith("; waiting for it")]
    assert len(outages) == 2, said
    assert _fits([line for line in said if line not in outages], *lost, *lost), said


@pytest.mark.kafka
@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_following_repeats_and_loses_nothing_after_an_outage(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    """No record is missing or doubled; the outage and its end are one sentence each."""
    kafka, said = ApacheKafka(kafka_or_skip(), tmp_path, [find_free_port()]), list[str]()
    settings = Settings(brokers=kafka.brokers, topic_partitions=1)
    async with started(kafka):
        await ensure_topics(settings)
        await _publish(settings, b"1", b"2")
        records = await stack.enter_async_context(_following(settings, said))
        assert await _next(records, 2) == [b"1", b"2"]
        waiting = asyncio.ensure_future(_next(records, 1))
        await asyncio.sleep(0)
    while not said:
        await asyncio.sleep(0.1)
    async with started(kafka):
        await _publish(settings, b"3")
        assert await waiting == [b"3"]
        await stack.aclose()
    assert _fits(said, "no Kafka broker at", "connected again to Kafka"), said


@pytest.mark.kafka
@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_a_topic_made_anew_is_followed_from_its_beginning() -> None:
    """Whether it is missing for a while or not, also if following began at its end. New partitions are read too."""
    kafka_or_skip()
    said: list[str] = []
    async with APACHE.running() as settings:
        await make_topics(settings.brokers, ["alerts"])
        await _publish(settings, b"1", b"2")
        async with _following(settings, said, from_beginning=False) as records:
            waiting = asyncio.ensure_future(_next(records, 1))
            await delete_topics(settings.brokers, ["alerts"])
            while not said:
                await asyncio.sleep(0.1)
            await make_topics(settings.brokers, ["alerts"])
            await _publish(settings, b"3")
            assert await waiting == [b"3"]
            waiting = asyncio.ensure_future(_next(records, 2))
            await delete_topics(settings.brokers, ["alerts"])
            await make_topics(settings.brokers, ["alerts"], num_partitions=2)
            await _publish(settings, b"4", b"4")
            assert await waiting == [b"4", b"4"]
    assert said[0].startswith("no topic alerts at Kafka")
    assert said[0].endswith("; waiting for it")
    assert said[1].startswith("connected again")
    assert said[2].startswith("topic alerts is not the one that it was")


@pytest.mark.e2e
async def test_a_topic_that_does_not_exist_is_an_error_at_once(broker_kind: BrokerKind) -> None:
    """It is named, and who asks is not kept waiting."""
    async with broker_kind.running() as settings:
        with pytest.raises(MissingTopicError, match="no topic alerts at Kafka 127"):
            async with _following(settings, []):
                pass
