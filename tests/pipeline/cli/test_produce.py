"""`tocsin produce` as a process, against brokers, and the sum that it prints."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.cli.produce import Source, describe_sum, run_source
from pipeline.errors import UndecodableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing
from pipeline.sources.produce import SourceItem, Sum
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, kafka_or_skip, started

_TOCSIN = Path(sys.executable).with_name("tocsin")
_GOOD = [orjson.dumps({"id": str(n), "text": "x"}) for n in range(2)]


@pytest.mark.kafka
async def test_a_topic_that_takes_less_than_the_client_sends_at_once_gets_every_line_that_fits(
    tmp_path: Path,
) -> None:
    """Apache Kafka refuses a whole batch for its size, by a limit of its own; the lines are then sent one by one."""
    kafka_or_skip()
    lines = [orjson.dumps({"id": str(n), "text": "x" * (3_000 if n == 70 else 100)}) for n in range(200)]
    (tmp_path / "my.jsonl").write_bytes(b"\n".join(lines))
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
        await admin.start()
        limit = {"max.message.bytes": "2000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.topic_posts, limit)])
        await admin.close()
        process = await asyncio.create_subprocess_exec(
            *(_TOCSIN, "produce", "my.jsonl", "--brokers", settings.brokers),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            _, log = await process.communicate()
            async with follow(
                Cluster(settings.brokers), [settings.topic_posts], from_beginning=True
            ) as records:
                found = [(await anext(records)).value for _ in range(199)]
    assert process.returncode == 1
    assert log.decode().splitlines()[-2:] == [
        f"my.jsonl:71: {len(lines[70])} bytes are more than the broker takes in one record",
        "199 posts sent to posts, 1 line not",
    ]
    assert b"Traceback" not in log
    assert b"trying again" not in log
    assert sorted(value or b"" for value in found) == sorted(line for line in lines if line != lines[70])


@pytest.mark.parametrize(
    ("total", "is_raw", "words"),
    [
        (Sum(1_204, 3), False, "1,204 posts sent to posts, 3 lines not"),
        (Sum(0, 1), False, "0 posts sent to posts, 1 line not"),
        (Sum(1), False, "1 post sent to posts"),
        (Sum(2), True, "2 lines sent to posts"),
        (Sum(3, 1, num_deletions=1), False, "2 posts and 1 deletion sent to posts, 1 line not"),
        (Sum(1, num_skipped=2), False, "1 post sent to posts, 2 items skipped that are no posts"),
        (Sum(2, num_skipped=1), False, "2 posts sent to posts, 1 item skipped that is no post"),
        (
            Sum(5, 0, 1_000),
            False,
            "5 posts sent to posts; interrupted: up to 1,000 more may have been sent",
        ),
    ],
)
def test_the_sum_is_one_line(total: Sum, is_raw: bool, words: str) -> None:
    """It gives the number sent and the topic, and numbers of unsent and doubtful records only if there are any."""
    assert describe_sum(total, "posts", sent="line" if is_raw else "post", unsent="line") == words


@pytest.mark.e2e
async def test_any_source_is_published_and_its_bad_items_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A source is an iterator of batches; reports name it and its items by its own words."""

    async def yield_batches(topic: str) -> AsyncIterator[list[SourceItem]]:
        yield [SourceItem(1, Outgoing(topic, b"0", _GOOD[0])), SourceItem(2, UndecodableError("deleted"))]
        yield [SourceItem(3, Outgoing(topic, b"1", _GOOD[1]))]

    async with EMBEDDED.running() as settings:
        await ensure_topics(settings)
        source = Source("feed", yield_batches(settings.topic_posts))
        assert await run_source(source, settings) == 1
        async with follow(Cluster(settings.brokers), [settings.topic_posts], from_beginning=True) as records:
            found = [(await anext(records)).value for _ in _GOOD]
    assert sorted(value or b"" for value in found) == _GOOD
    assert capsys.readouterr().err == "feed:2: deleted\n2 posts sent to posts, 1 item not\n"


@pytest.mark.e2e
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_growing_file_is_produced_as_it_grows(number: signal.Signals, status: int) -> None:
    """`tail -f FILE | tocsin produce --raw -` sends each line as it comes; a signal ends it at once."""
    async with EMBEDDED.running() as settings:
        await ensure_topics(settings)
        process = await asyncio.create_subprocess_exec(
            _TOCSIN,
            *("produce", "--raw", "--brokers", settings.brokers, "-"),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)},
        )
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            async with (
                asyncio.timeout(60),
                follow(Cluster(settings.brokers), [settings.topic_posts], from_beginning=True) as records,
            ):
                for line in (b"one", b"x" * 17 * 2**20 + b"\ntwo", b"three"):
                    process.stdin.write(line + b"\n")
                    assert (await anext(records)).value == line.split(b"\n")[-1]
                process.send_signal(number)
                log = await process.stderr.read()
                assert await process.wait() == status
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        assert b"-:2: 17825792 bytes are more than the broker takes" in log
        assert log.endswith(b"\n3 lines sent to posts, 1 line not\n")
        assert b"Traceback" not in log


@pytest.mark.e2e
async def test_ctrl_c_prints_the_sum_while_the_broker_is_away(tmp_path: Path) -> None:
    """What was acknowledged counts as sent, and what the Kafka client still holds is in doubt."""
    port = find_free_port()
    broker, settings = EMBEDDED.make(tmp_path, port), EMBEDDED.settings(port)
    async with started(broker):
        await ensure_topics(settings)
        process = await asyncio.create_subprocess_exec(
            _TOCSIN,
            *("produce", "--brokers", settings.brokers, "-"),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)},
        )
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(120):
                async with follow(
                    Cluster(settings.brokers), [settings.topic_posts], from_beginning=True
                ) as records:
                    process.stdin.write(_GOOD[0] + b"\n")
                    await anext(records)
                await broker.stop()
                process.stdin.write(_GOOD[1] + b"\n")
                while b"trying again" not in await process.stderr.readline():
                    assert process.returncode is None
                process.send_signal(signal.SIGINT)
                log = await process.stderr.read()
                assert await process.wait() == 130
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    assert b"1 post sent to posts; interrupted: up to 1 more may have been sent\n" in log
    assert b"Traceback" not in log


@pytest.mark.e2e
async def test_a_file_is_produced_and_summed_up(tmp_path: Path) -> None:
    """Bad lines, other fields and the sum are printed on standard error; the status is 1 if a line was not sent."""
    (tmp_path / "my.jsonl").write_bytes(
        b'\xef\xbb\xbf{"id": "1", "text": "x", "txt": 1, "entities": {"urls": []}}\r\n\r\n'
        b'{"id": "2", "texte": "x"}\r\n{"id": "3", "text": "x", "txt": 2, "\x1b[31m": 1}'.replace(
            b"\x1b", b"\\u001b"
        )
    )
    async with EMBEDDED.running() as settings:
        await ensure_topics(settings)
        # In a thread: the proxy before the embedded broker is in this event loop.
        done = await asyncio.to_thread(
            lambda: subprocess.run(
                [_TOCSIN, "produce", "my.jsonl", "--brokers", settings.brokers],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                env={**os.environ, "TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)},
                check=False,
            )
        )
        async with follow(Cluster(settings.brokers), [settings.topic_posts], from_beginning=True) as records:
            found = {(await anext(records)).key for _ in range(2)}
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "my.jsonl:3: not a Post: it has no `text`; its keys are `id`, `texte`. Name its format with "
        "TOCSIN_POST_FORMAT, or map it with TOCSIN_POST_MAPPING",
        r"fields that a post does not have, kept in its metadata: txt, entities, \x1b[31m",
        "2 posts sent to posts, 1 line not",
    ]
    assert found == {b"1", b"3"}
