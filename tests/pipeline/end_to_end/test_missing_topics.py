"""Topics that do not exist: commands say so and end, agents wait until somebody makes them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import MissingTopicError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import APACHE, BrokerKind, kafka_or_skip
from tests.pipeline.kafka.foreign_producers import consume, delete_topics, make_topics

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_COMMANDS = {
    "posts": (("produce", "posts.jsonl"),),
    "alerts": (("watch",), ("watch", "--from-beginning", "--json")),
    "posts.dead": (("dead", "list"), ("dead", "show", "0/0"), ("dead", "replay", "--all")),
}


async def _tocsin(
    settings: Settings, folder: Path, *arguments: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Return how the command ended, which it must do within a minute."""
    return await asyncio.to_thread(
        lambda: subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments, "--brokers", settings.brokers],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            input=text,
            env={"PATH": "", "TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)},
            check=False,
        )
    )


async def test_commands_name_the_topic_that_is_missing(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """In one line, with status 1, and do not wait for it."""
    (tmp_path / "posts.jsonl").write_text('{"id": "1", "text": "Fire"}\n')
    async with broker_kind.running() as settings:
        for topic, commands in _COMMANDS.items():
            for command in commands:
                result = await _tocsin(settings, tmp_path, *command)
                assert result.returncode == 1, result
                (line,) = result.stderr.splitlines()
                assert line.startswith(f"tocsin: no topic {topic} at Kafka {settings.brokers}: ")
                assert result.stdout == ""


async def test_readers_and_publishers_raise_it(broker_kind: BrokerKind) -> None:
    """With all the names that are missing."""
    async with broker_kind.running() as settings:
        with pytest.raises(MissingTopicError, match="no topic a, b at Kafka"):
            async with partition_reader(Cluster.of(settings), ["b", "a"]):
                pass
        with pytest.raises(MissingTopicError, match="no topic a at Kafka"):
            async with follow(Cluster(settings.brokers), ["a"], from_beginning=False):
                pass
        with pytest.raises(MissingTopicError) as caught:
            await Publisher.connect(Cluster.of(settings), topics=["a", "b"])
        assert caught.value.topics == ["a", "b"]


@pytest.mark.kafka
async def test_a_topic_that_vanishes_ends_a_command_and_its_close() -> None:
    """Though the client would try to deliver the record for ever."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await make_topics(settings.brokers, ["posts"])
        publisher = await Publisher.connect(Cluster(settings.brokers), topics=["posts"])
        await publisher.publish([Outgoing("posts", None, b"1")])
        await delete_topics(settings.brokers, ["posts"])
        async with asyncio.timeout(60):
            with pytest.raises(MissingTopicError, match="no topic posts"):
                await publisher.publish([Outgoing("posts", None, b"2")])
            await publisher.close()


@pytest.mark.kafka
@pytest.mark.parametrize("was_there", [True, False])
async def test_an_agent_waits_for_a_topic_and_sees_it_soon(was_there: bool) -> None:
    """Whether it vanished or was never there, the record lies on the topic once somebody has made it."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        publisher = await Publisher.connect(Cluster(settings.brokers))
        if was_there:
            await make_topics(settings.brokers, ["posts"])
            await publisher.publish([Outgoing("posts", None, b"before")])
            await delete_topics(settings.brokers, ["posts"])
        publishing = asyncio.ensure_future(publisher.publish([Outgoing("posts", None, b"after")]))
        assert not (await asyncio.wait([publishing], timeout=5.0))[0]
        await make_topics(settings.brokers, ["posts"])
        async with asyncio.timeout(60):
            await publishing
        assert [record.value for record in await consume(settings, "posts", b"after")] == [b"after"]
        await publisher.close()
