"""`tocsin source bluesky` as a process, between a local Jetstream and a broker: killed, stopped, without Kafka."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.local.process import find_free_port
from pipeline.messages import Post
from pipeline.messages.codec import decode
from pipeline.settings import Settings
from pipeline.sources.live.bluesky import Bluesky
from pipeline.sources.live.runner.cursor_store import load_cursor
from tests.pipeline.agent_process import AgentProcess
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind, started
from tests.pipeline.sources.live.doubles.jetstream_server import JetstreamServer, Refusal, event
from tests.pipeline.stack_process import tocsin

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


class Feed:
    """Posts numbered from 0, given by a server at a few hundred a second until `stop`."""

    def __init__(self, server: JetstreamServer) -> None:
        self._server = server
        self._stopped = False
        self.number = 0
        self.last_time_us = 0

    async def run(self) -> None:
        while not self._stopped:
            for _ in range(10):
                self.last_time_us = max(time.time_ns() // 1000, self.last_time_us + 1)
                value = event(self.number, f"post {self.number}", time_us=self.last_time_us)
                await self._server.add(self.last_time_us, value)
                self.number += 1
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stopped = True


def _source(log_file: Path, clients: Settings, server: JetstreamServer, **settings: object) -> AgentProcess:
    return AgentProcess("source bluesky", log_file, clients, source_url=server.url, **settings)


async def _numbers(settings: Settings) -> list[int]:
    """Return the numbers of the posts on the topic of posts; none if it is not there."""
    try:
        async with partition_reader(Cluster.of(settings), [settings.topic_posts]) as reader:
            starts = await reader.beginnings(reader.partitions)
            values = [record.value async for records in reader.read(starts) for record in records]
    except BrokerUnavailableError:
        return []
    posts = [decode(value, Post, max_bytes=100_000) for value in values]
    return [int(post.text.removeprefix("post ")) for post in posts]


async def _until_all(settings: Settings, numbers: Iterable[int]) -> list[int]:
    """Wait until the posts with these numbers are on the topic; returns the numbers of all posts there."""
    async with asyncio.timeout(90):
        while not set(numbers) <= set(found := await _numbers(settings)):
            await asyncio.sleep(0.2)
    return found


@asynccontextmanager
async def _running(process: AgentProcess) -> AsyncIterator[AgentProcess]:
    await process.start()
    try:
        await process.wait_until_ready()
        yield process
    finally:
        if process.process.returncode is None:
            process.process.kill()
        await process.process.wait()


async def test_a_source_that_is_killed_goes_on_elsewhere(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """Killed amid the stream and started as another process: every post is there, and few of them twice."""
    async with broker_kind.running() as settings, JetstreamServer() as server:
        feed = Feed(server)
        async with _running(_source(tmp_path / "1.log", settings, server)) as first:
            feeding = asyncio.ensure_future(feed.run())
            await _until_all(settings, range(500))
            first.process.kill()
            await first.process.wait()
        async with _running(_source(tmp_path / "2.log", settings, server)) as second:
            await _until_all(settings, range(feed.number + 500))
            feed.stop()
            await feeding
            found = await _until_all(settings, range(feed.number))
            await second.stop()
        assert set(found) == set(range(feed.number))
        # It went on some seconds before the kill, not from the beginning of what the server has.
        assert "where it stopped" in (tmp_path / "2.log").read_text()
        assert len(server.queries) == 2
        key = Bluesky.of(Settings()).key
        assert await load_cursor(settings, key) == str(feed.last_time_us)
        if broker_kind is APACHE:
            assert await _policy(settings, "posts.cursors") == "compact"
            assert await _policy(settings, "posts") == "delete"


async def _policy(settings: Settings, topic: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    try:
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    [resource] = response.resources
    values = {name: value for name, value, *_ in resource[4]}
    return str(values["cleanup.policy"])


async def test_posts_wait_at_the_source_while_kafka_is_away(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """The server sends no more than buffers hold; once Kafka is back, everything that came meanwhile is there."""
    port = find_free_port()
    settings = broker_kind.settings(port)
    (tmp_path / "kafka").mkdir()
    async with JetstreamServer() as server:
        feed = Feed(server)
        async with started(broker_kind.make(tmp_path / "kafka", port)) as broker:
            await _start_and_stop_kafka(feed, broker, settings, _source(tmp_path / "1.log", settings, server))


async def _start_and_stop_kafka(feed: Feed, broker: object, settings: Settings, source: AgentProcess) -> None:
    async with _running(source):
        feeding = asyncio.ensure_future(feed.run())
        await _until_all(settings, range(100))
        await broker.stop()  # type: ignore[attr-defined]
        first = feed.number
        await source.until_state("connecting", "does not take our posts")
        before = _metric(source, "tocsin_source_posts_total")
        while feed.number < first + 2_000:
            await asyncio.sleep(0.1)
        assert _metric(source, "tocsin_source_posts_total") == before
        await broker.start()  # type: ignore[attr-defined]
        await broker.wait_until_ready(60)  # type: ignore[attr-defined]
        feed.stop()
        await feeding
        await _until_all(settings, range(first + 100, feed.number))
        await source.until_state("working")
        await source.stop()


def _metric(process: AgentProcess, name: str) -> float:
    with urllib.request.urlopen(f"{process.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


async def test_a_source_that_refuses_us_ends_with_one_line(tmp_path: Path) -> None:
    """The status is 1, and the last line says what to check."""
    async with (
        EMBEDDED.running() as settings,
        JetstreamServer(refusals=[Refusal(403, body=b"no\x1b[31m")]) as server,
    ):
        variables = {"TOCSIN_METRICS_PORT": "0", "TOCSIN_SOURCE_URL": server.url}
        command = ("source", "bluesky", "--brokers", settings.brokers)
        async with tocsin(*command, folder=tmp_path, **variables) as process:
            _, log = await process.communicate()
    assert process.returncode == 1
    said = log.decode().splitlines()[-1]
    assert (
        said
        == f"tocsin: Jetstream at {server.url} answers with status 403: no\\x1b[31m: check TOCSIN_SOURCE_URL"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("blusky",), "source blusky: expected one of bluesky"),
        (("bluesky", "--url", "https://x"), "TOCSIN_SOURCE_URL='https://x': expected wss://"),
        (("bluesky", "--lang", "english"), "--lang='english': expected CODE"),
        (("bluesky", "--words", ","), "--words=',': expected WORD"),
    ],
)
async def test_a_wrong_option_is_refused_at_once(
    arguments: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    """The status is 2, before any broker is asked."""
    async with tocsin("source", *arguments, folder=tmp_path) as process:
        _, log = await process.communicate()
    assert process.returncode == 2
    assert expected in log.decode()
