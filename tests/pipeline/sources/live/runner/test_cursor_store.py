"""Cursors in Kafka: kept, found again, and compacted."""

from datetime import UTC, datetime

import pytest

from pipeline.errors import SettingsError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.codec import encode
from pipeline.messages.cursor import Cursor
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.sources.live.runner.cursor_store import CursorStore, load_cursor
from pipeline.topology import SOURCE_TOPICS
from tests.pipeline.fakes import FakePublisher
from tests.pipeline.kafka.brokers import BrokerKind


async def test_a_cursor_is_found_by_another_process(broker_kind: BrokerKind) -> None:
    """Each source finds its own last one; a source without any begins anew, and a tombstone forgets one."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings, SOURCE_TOPICS)
        assert await load_cursor(settings, "bluesky:1") is None
        publisher = await Publisher.connect(Cluster.of(settings))
        try:
            for key, cursors in {"bluesky:1": ["10", "20"], "rss:1": ["a"], "x:1": ["1"]}.items():
                store = CursorStore(settings, key, write_seconds=0)
                for cursor in cursors:
                    store.note(cursor)
                    await store.write_if_due(publisher)
            await publisher.publish([Outgoing("posts.cursors", b"x:1", None)])
            await publisher.publish([Outgoing("posts.cursors", b"bad", b'{"cursor": 7}')])
        finally:
            await publisher.close()
        found = [await load_cursor(settings, key) for key in ("bluesky:1", "rss:1", "x:1", "bluesky:2")]
        assert found == ["20", "a", None, None]
        with pytest.raises(SettingsError, match=r"^topic posts\.cursors: no cursor of bad, at offset"):
            await load_cursor(settings, "bad")


async def test_a_cursor_is_written_at_a_bounded_rate_and_at_the_end() -> None:
    """Between two writes nothing goes to Kafka, and a cursor that has not moved is not written again."""
    publisher, settings = FakePublisher(), Settings()
    store = CursorStore(settings, "bluesky:1", "5", write_seconds=3600)
    await store.write(publisher)
    for cursor in ("10", None, "20", None):
        store.note(cursor)
        await store.write_if_due(publisher)
    assert (publisher.published, store.cursor, store.is_pending) == ([], "20", True)
    await store.write(publisher)
    await store.write(publisher)
    [record] = publisher.published
    assert (record.topic, record.key) == ("posts.cursors", b"bluesky:1")
    assert b'"cursor":"20"' in (record.value or b"")
    assert (store.is_pending, store.age_seconds) == (False, 0.0)


def test_a_cursor_names_its_source() -> None:
    """Any Kafka client can read how far each source is."""
    message = Cursor(source="bluesky:1", cursor="10", updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert encode(message) == b'{"source":"bluesky:1","cursor":"10","updated_at":"2026-01-01T00:00:00Z"}'
