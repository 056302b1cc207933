"""`tocsin watch` over an outage, as a terminal shows it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from pipeline.cli import watch
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.messages.codec import encode
from pipeline.messages.record import Outgoing, Record
from pipeline.settings import Settings
from tests.pipeline.fakes import make_alert, make_annotated_post
from tests.pipeline.kafka.brokers import EMBEDDED, started

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def _publish(settings: Settings, *post_ids: str) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    alerts = [make_alert(make_annotated_post(post_id=post_id)) for post_id in post_ids]
    await publisher.publish([Outgoing("alerts", alert.post.id.encode(), encode(alert)) for alert in alerts])
    await publisher.close()


async def test_alerts_go_on_after_a_restart_that_lost_the_data(tmp_path: Path) -> None:
    """One line says that the broker is away, one that it is back, and one that the topic was replaced."""
    port = find_free_port()
    settings = EMBEDDED.settings(port).model_copy(update={"topic_partitions": 1})
    program = [sys.executable, "-m", "pipeline.cli", "watch", "--json", "--from-beginning"]
    async with started(EmbeddedBroker(tmp_path, port)):
        await ensure_topics(settings)
        await _publish(settings, "a", "b", "c")
        watch = await asyncio.create_subprocess_exec(
            *program, "--brokers", settings.brokers, stdout=PIPE, stderr=PIPE
        )
        assert watch.stdout is not None
        assert watch.stderr is not None
        try:
            async with asyncio.timeout(60):
                shown = [orjson.loads(await watch.stdout.readline())["post"]["id"] for _ in "abc"]
        except BaseException:
            watch.kill()
            raise
    try:
        async with asyncio.timeout(60):
            lines = [(await watch.stderr.readline()).decode()]
        async with started(EmbeddedBroker(tmp_path, port)), asyncio.timeout(90):
            await ensure_topics(settings)
            await _publish(settings, "d")
            shown.append(orjson.loads(await watch.stdout.readline())["post"]["id"])
            watch.terminate()
            lines += (await watch.stderr.read()).decode().splitlines()
            await watch.wait()
    finally:
        if watch.returncode is None:
            watch.kill()
            await watch.wait()
    assert shown == ["a", "b", "c", "d"]
    assert len(lines) == 3, lines
    away, again, another = (line.rstrip() for line in lines)
    assert away.startswith(f"no Kafka broker at {settings.brokers}: ")
    assert again == f"connected again to Kafka {settings.brokers}"
    assert another.startswith("topic alerts is not the one that it was ")


async def test_a_problem_stays_on_one_line_however_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This holds for what the reader reports, and for a record that is not an alert."""
    problem, topic = "word " * 40 + ".", "alerts" * 30

    @asynccontextmanager
    async def follow(
        *_: object, report: Callable[[str], None], **__: object
    ) -> AsyncIterator[AsyncIterator[Record]]:
        report(problem)

        async def records() -> AsyncIterator[Record]:
            yield Record(topic, 0, 7, datetime.now(UTC), b"k", b"no alert")

        yield records()

    monkeypatch.setattr(watch, "follow", follow)
    await watch.run_watch(Settings(topic_alerts=topic), as_json=True, from_beginning=False, max_alerts=1)
    first, second = capsys.readouterr().err.splitlines()
    assert first == problem
    assert second.startswith(f"{topic}/0/7: not JSON")
