"""The source `kafka`, on real brokers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SettingsError, SourceUnavailableError
from pipeline.formats.format import BadPost, Deletion, ReadPost
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.sources.live.kafka_topic import KafkaTopic
from pipeline.sources.live.source import Batch
from tests.pipeline.kafka.brokers import EMBEDDED, BrokerKind
from tests.pipeline.kafka.foreign_producers import make_topics
from tests.pipeline.sources.live.doubles.mastodon import make_status

_TRACE = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


async def _publish(brokers: str, *records: tuple[bytes | None, Any], headers: Any = ()) -> None:
    publisher = await Publisher.connect(Cluster(brokers))
    values = [
        (key, value if value is None or isinstance(value, bytes) else json.dumps(value).encode())
        for key, value in records
    ]
    await publisher.publish([Outgoing("theirs", key, value, headers) for key, value in values])
    await publisher.close()


@asynccontextmanager
async def _reading(source: KafkaTopic, cursor: str | None) -> AsyncIterator[Any]:
    """Give the batches from the second on, and the first, which says where reading begins."""
    async with asyncio.timeout(60), aclosing(source.read(cursor)) as batches:
        yield await anext(batches), batches


async def _take(batches: AsyncIterator[Batch], number: int) -> list[Batch]:
    """Return batches with so many items together."""
    taken: list[Batch] = []
    while sum(len(batch.items) for batch in taken) < number:
        taken.append(await anext(batches))
    return taken


def _settings(running: Settings, **fields: Any) -> Settings:
    return running.model_copy(update={"source_topic": "theirs", **fields})


@pytest.mark.e2e
async def test_records_of_any_format_come_from_the_cursor_on(broker_kind: BrokerKind) -> None:
    async with broker_kind.running() as running:
        await make_topics(running.brokers, ["theirs"], num_partitions=2)
        await _publish(running.brokers, (b"0", {"id": "0", "text": "before"}))
        source = KafkaTopic.of(_settings(running))
        async with _reading(source, None) as (first, batches):
            await _publish(
                running.brokers,
                (b"1", make_status(1, "<p>Flood in <b>Jakarta</b></p>")),
                (b"2", [{"id": "2", "text": "a list"}, {"id": "3", "text": "of two"}]),
                (b"4", b"not JSON"),
                (b"5", None),
                (b'{"id": 6}', None),
                headers=[_TRACE, ("other", b"x")],
            )
            taken = await _take(batches, 6)
        items = [item for batch in taken for item in batch.items]
        texts = {item.post.text for item in items if isinstance(item, ReadPost)}
        assert texts == {"Flood in Jakarta", "a list", "of two"}
        assert [item for item in items if isinstance(item, Deletion)] == [Deletion("5")]
        assert sum(isinstance(item, BadPost) for item in items) == 1
        assert {tuple(headers) for batch in taken for headers in batch.headers} == {(_TRACE,)}
        assert all(len(batch.headers) == len(batch.items) for batch in taken)

        # What was read before the first record, and what was not yet published, comes again.
        async with _reading(KafkaTopic.of(_settings(running)), first.cursor) as (_, batches):
            assert sum(len(batch.items) for batch in await _take(batches, 6)) == 6
        await _publish(running.brokers, (b"7", {"id": "7", "text": "later"}))
        async with _reading(KafkaTopic.of(_settings(running)), taken[-1].cursor) as (_, batches):
            [batch] = await _take(batches, 1)
        assert [item.post.id for item in batch.items if isinstance(item, ReadPost)] == ["7"]


@pytest.mark.e2e
async def test_one_source_goes_back_to_its_cursor_within_a_process() -> None:
    """What the last connection read may not have been published."""
    async with EMBEDDED.running() as running:
        await make_topics(running.brokers, ["theirs"])
        source = KafkaTopic.of(_settings(running))
        async with _reading(source, None) as (first, batches):
            await _publish(running.brokers, *((b"k", {"id": str(n), "text": "a"}) for n in range(10)))
            await _take(batches, 10)
        async with _reading(source, first.cursor) as (_, batches):
            assert sum(len(batch.items) for batch in await _take(batches, 10)) == 10


@pytest.mark.e2e
async def test_a_topic_that_is_not_there_may_come_later() -> None:
    async with EMBEDDED.running() as running:
        source = KafkaTopic.of(_settings(running))
        with pytest.raises(SourceUnavailableError, match="theirs"):
            await anext(source.read(None))
        await make_topics(running.brokers, ["theirs"])
        async with _reading(source, None) as (first, _):
            assert first.cursor == '{"0":0}'


async def test_a_broker_that_is_away_is_unavailable() -> None:
    settings = Settings(source_brokers="127.0.0.1:9", source_topic="theirs")
    with pytest.raises(SourceUnavailableError, match=r"no Kafka broker at 127\.0\.0\.1:9"):
        await anext(KafkaTopic.of(settings).read(None))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "TOCSIN_SOURCE_TOPIC: not set"),
        ({"source_topic": "posts"}, "TOCSIN_SOURCE_TOPIC=posts: the pipeline itself writes to this topic"),
        ({"source_topic": "alerts"}, "TOCSIN_SOURCE_TOPIC=alerts: the pipeline itself"),
        (
            {"source_topic": "a", "source_config": Path("a.toml")},
            "has no effect without TOCSIN_SOURCE_BROKERS",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        KafkaTopic.of(Settings(**fields))


def test_the_login_of_the_source_is_in_a_file_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "source.toml"
    config.write_text('kafka_pasword = "x"\n')
    settings = Settings(source_topic="posts", source_brokers="other:9092", source_config=config)
    with pytest.raises(SettingsError, match="kafka_pasword: no such setting"):
        KafkaTopic.of(settings)
    config.write_text('kafka_username = "reader"\nkafka_password = "x"\nkafka_sasl_mechanism = "PLAIN"\n')
    source = KafkaTopic.of(settings)  # a topic of the same name in another cluster is another topic
    assert Cluster.of(source._settings).client == "user 'reader' at Kafka other:9092"
