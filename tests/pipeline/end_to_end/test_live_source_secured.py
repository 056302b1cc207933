"""`tocsin source` at a Kafka with ACLs: what deploy/README.md lists is enough, and what lacks is named."""

import asyncio
import time
from pathlib import Path

import pytest

from pipeline.kafka.topics import ensure_topics
from pipeline.settings import Settings
from pipeline.sources.live.bluesky import Bluesky
from pipeline.sources.live.runner.cursor_store import load_cursor
from pipeline.topology import SOURCE_TOPICS
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.kafka.secured_kafka import (
    PASSWORD,
    READ,
    TOPIC,
    WRITE,
    SecuredKafka,
    client_settings,
    run_tocsin,
    start_tocsin,
)
from tests.pipeline.sources.live.doubles.jetstream_server import JetstreamServer, event

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

_RIGHTS = [(TOPIC, "posts", WRITE), (TOPIC, "posts.cursors", READ), (TOPIC, "posts.cursors", WRITE)]


async def test_the_acls_of_the_table_are_enough_and_one_that_lacks_is_named(tmp_path: Path) -> None:
    """A source without the right to keep its cursor ends at once; one with all three publishes, and keeps it."""
    kafka = SecuredKafka(kafka_or_skip(), tmp_path, ("source", "blind"))
    login = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_password": PASSWORD}
    async with started(kafka), JetstreamServer() as server:
        await ensure_topics(Settings(brokers=kafka.brokers), SOURCE_TOPICS)
        await kafka.allow("blind", *_RIGHTS[:2])
        await kafka.allow("source", *_RIGHTS)
        secured = client_settings(kafka, "SASL_SSL", **login)
        shared = secured | {"source_url": server.url, "metrics_port": 0}
        status, _, log = await run_tocsin("source", "bluesky", **shared | {"kafka_username": "blind"})
        assert status == 1
        assert log.splitlines()[-1].endswith("Write on topic 'posts.cursors'")
        process = await start_tocsin("source", "bluesky", **shared | {"kafka_username": "source"})
        try:
            async with asyncio.timeout(60):
                while not server.queries:
                    await asyncio.sleep(0.1)
                now = time.time_ns() // 1000
                await server.add(now, event(1, "Flood", time_us=now))
                settings, key = Settings(brokers=kafka.brokers), Bluesky.of(Settings()).key
                while await load_cursor(settings, key) != str(now):
                    await asyncio.sleep(0.2)
                process.terminate()
                _, stderr = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0
        assert PASSWORD not in stderr.decode()
