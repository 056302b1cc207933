import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import KafkaAccessError, MissingTopicError, RecordError, TocsinError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.follow import follow
from pipeline.kafka.publisher import TooLargeError
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.sources.json_lines import Line
from pipeline.sources.produce import Sum, post_record, produce, raw_record
from tests.pipeline.fakes import FakePublisher
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, kafka_or_skip, started

_TOCSIN = Path(sys.executable).with_name("tocsin")
_SETTINGS = Settings()
_GOOD = [orjson.dumps({"id": str(n), "text": "x"}) for n in range(3)]
_MAX_RECORD_BYTES = 2**20


class SmallPublisher(FakePublisher):
    """Refuses records of more than 1 MiB, as Kafka's client does."""

    async def publish(self, records: Sequence[Outgoing]) -> int:
        large = [record for record in records if len(record.value or b"") > _MAX_RECORD_BYTES]
        if large:
            raise TooLargeError(large)
        return await super().publish(records)


async def _produce(
    lines: list[bytes], to_record: Callable[..., Outgoing]
) -> tuple[Sum, list[Outgoing], list[tuple[int, str]]]:
    publisher, bad, total = SmallPublisher(), list[tuple[int, str]](), Sum()

    def report_bad(number: int, error: RecordError) -> None:
        bad.append((number, error.reason))

    numbered = [Line(number, line) for number, line in enumerate(lines, 11)]
    to_record = partial(to_record, settings=_SETTINGS)
    await produce(publisher, numbered, to_record, on_bad=report_bad, total=total)
    return total, publisher.published, bad


async def test_bad_lines_are_reported_by_number_and_cost_no_other() -> None:
    """The good ones around them are sent under their ids."""
    total, published, bad = await _produce([_GOOD[0], b"{", b'{"id": "9"}', _GOOD[1]], post_record)
    assert total == Sum(num_sent=2, num_bad=2)
    assert [record.key for record in published] == [b"0", b"1"]
    assert bad == [(12, "undecodable"), (13, "invalid_message")]


async def test_a_line_too_large_for_the_broker_costs_no_other() -> None:
    """It is reported by its number; those before and after it are sent once, in order."""
    large = b"x" * (_MAX_RECORD_BYTES + 1)
    lines = [b"a", large, b"b" * 20_000, large, b"c", b"d"]
    total, published, bad = await _produce(lines, raw_record)
    assert [record.value for record in published] == [b"a", b"b" * 20_000, b"c", b"d"]
    assert total == Sum(num_sent=4, num_bad=2)
    assert bad == [(12, "undecodable"), (14, "undecodable")]


@given(st.lists(st.binary(max_size=50)))
def test_raw_lines_are_sent_as_they_are(lines: list[bytes]) -> None:
    """Every line is sent, whatever it holds."""
    assert [raw_record(line, _SETTINGS).value for line in lines] == lines


async def test_what_is_interrupted_is_in_doubt() -> None:
    """Records that the Kafka client holds when somebody presses Ctrl-C are neither sent nor not sent."""

    class SilentPublisher(FakePublisher):
        """Never gets an acknowledgement for a large record."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            if len(records[0].value or b"") > 20_000:
                await asyncio.Event().wait()
            return await super().publish(records)

    publisher, total = SilentPublisher(), Sum()
    lines = [Line(n, content) for n, content in enumerate([b"a", b"b", b"x" * 20_001], 1)]
    to_record = partial(raw_record, settings=_SETTINGS)
    work = asyncio.create_task(produce(publisher, lines, to_record, on_bad=lambda *_: None, total=total))
    while total.num_sent < 2:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert total == Sum(num_sent=2, num_in_doubt=1)


@pytest.mark.parametrize("error", [MissingTopicError(["posts"], "kafka:9092"), KafkaAccessError("no")])
async def test_what_fails_on_the_way_is_in_doubt(error: TocsinError) -> None:
    """Some of the lines may have been taken before the topic was deleted, or the right to write there."""

    class FailingPublisher(FakePublisher):
        """Takes a large record, and then nothing more."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            if self.published:
                raise error
            return await super().publish(records)

    total = Sum()
    lines = [Line(n, content) for n, content in enumerate([b"x" * 20_000, b"a", b"b"], 1)]
    to_record = partial(raw_record, settings=_SETTINGS)
    with pytest.raises(type(error)):
        await produce(FailingPublisher(), lines, to_record, on_bad=lambda *_: None, total=total)
    assert total == Sum(num_sent=1, num_in_doubt=2)


async def test_lines_that_are_refused_together_are_sent_one_by_one() -> None:
    """Each that fits by itself goes once, those that were taken not again, and the large ones are reported."""

    class StrictPublisher(FakePublisher):
        """Has two partitions, which take a record each by turns, and together at most 100 bytes at once."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            parts = [records[::2], records[1::2]]
            refused = [part for part in parts if sum(len(record.value or b"") for record in part) > 100]
            self.published += [record for part in parts if part not in refused for record in part]
            if refused:
                unsent = {id(record) for part in refused for record in part}
                raise TooLargeError([record for record in records if id(record) in unsent])
            return 0

    contents = [b"%3d" % n * (10 if n % 2 else 1) for n in range(20)]
    contents[7] = contents[13] = b"x" * 101
    publisher, total, bad = StrictPublisher(), Sum(), list[int]()
    lines = [Line(n, content) for n, content in enumerate(contents)]
    to_record = partial(raw_record, settings=_SETTINGS)
    await produce(publisher, lines, to_record, on_bad=lambda n, _: bad.append(n), total=total)
    assert total == Sum(num_sent=18, num_bad=2)
    assert bad == [7, 13]
    assert sorted(record.value or b"" for record in publisher.published) == sorted(
        content for content in contents if len(content) <= 100
    )


@pytest.mark.kafka
async def test_a_topic_that_takes_less_than_the_client_sends_at_once_gets_every_line_that_fits(
    tmp_path: Path,
) -> None:
    """The broker refuses a whole batch for its size; Apache Kafka's own limit, on records that it really reads."""
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
        (
            Sum(5, 0, 1_000),
            False,
            "5 posts sent to posts; interrupted: up to 1,000 more may have been sent",
        ),
    ],
)
def test_the_sum_is_one_line(total: Sum, is_raw: bool, words: str) -> None:
    """How many were sent and where, and only if there are any: how many not, how many in doubt."""
    assert total.in_words("posts", is_raw=is_raw) == words


@pytest.mark.e2e
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_growing_file_is_produced_as_it_grows(number: signal.Signals, status: int) -> None:
    """`tail -f FILE | tocsin produce --raw -`: each line is sent when it is there; a signal ends it at once."""
    async with EMBEDDED.running() as settings:
        await ensure_topics(settings)
        process = await asyncio.create_subprocess_exec(
            _TOCSIN,
            *("produce", "--raw", "--brokers", settings.brokers, "-"),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)},
            # Tests in a shell's background ignore Ctrl-C, and what they start would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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
async def test_ctrl_c_tells_the_sum_while_the_broker_is_away(tmp_path: Path) -> None:
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
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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
    """Bad lines, other fields and the sum are told on standard error; status 1, for not every line was sent."""
    (tmp_path / "my.jsonl").write_bytes(
        b'\xef\xbb\xbf{"id": "1", "text": "x", "txt": 1, "entities": {"urls": []}}\r\n\r\n'
        b'{"id": "2", "texte": "x"}\r\n{"id": "3", "text": "x", "txt": 2, "\x1b[31m": 1}'.replace(
            b"\x1b", b"\\u001b"
        )
    )
    async with EMBEDDED.running() as settings:
        await ensure_topics(settings)
        # In a thread: the door of the embedded broker is in this event loop.
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
        "my.jsonl:3: not a Post: Object missing required field `text`",
        r"fields that are none of a post's, kept in its metadata: txt, entities, \x1b[31m",
        "2 posts sent to posts, 1 line not",
    ]
    assert found == {b"1", b"3"}
