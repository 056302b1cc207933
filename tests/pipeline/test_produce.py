import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from io import FileIO
from pathlib import Path

import orjson
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError, SettingsError
from pipeline.kafka_admin import ensure_topics
from pipeline.produce import post_record, produce, raw_record, read_lines
from pipeline.publisher import Outgoing
from pipeline.settings import Settings
from pipeline.topic_reader import reading
from tests.pipeline.brokers import EMBEDDED
from tests.pipeline.fakes import FakePublisher

_TOCSIN = Path(sys.executable).with_name("tocsin")
_SETTINGS = Settings()
_GOOD = [orjson.dumps({"id": str(n), "text": "x"}) for n in range(3)]
_MAX_RECORD_BYTES = 2**20


class SmallPublisher(FakePublisher):
    """Refuses a batch that holds a record of more than 1 MiB, as Kafka's client does."""

    async def publish(self, records: Sequence[Outgoing]) -> int:
        if any(len(record.value or b"") > _MAX_RECORD_BYTES for record in records):
            raise MessageSizeTooLargeError("too large")
        return await super().publish(records)


async def _produce(
    lines: list[bytes], to_record: Callable[..., Outgoing], *, first_number: int = 1
) -> tuple[int, list[Outgoing], list[tuple[int, str]]]:
    publisher, bad = SmallPublisher(), list[tuple[int, str]]()

    def report_bad(number: int, error: RecordError) -> None:
        bad.append((number, error.reason))

    to_record = partial(to_record, settings=_SETTINGS)
    num_produced = await produce(publisher, lines, to_record, on_bad=report_bad, first_number=first_number)
    return num_produced, publisher.published, bad


async def test_bad_lines_are_reported_by_number_and_cost_no_other() -> None:
    """The good ones around them are sent under their ids; empty lines are nothing."""
    lines = [_GOOD[0], b"{", b"", b'{"id": "9"}', _GOOD[1]]
    num_produced, published, bad = await _produce(lines, post_record, first_number=11)
    assert num_produced == 2
    assert [record.key for record in published] == [b"0", b"1"]
    assert bad == [(12, "undecodable"), (14, "invalid_message")]


async def test_a_line_too_large_for_the_broker_costs_no_other() -> None:
    """It is reported by its number; those before and after it are sent once, in order."""
    large = b"x" * (_MAX_RECORD_BYTES + 1)
    lines = [b"a", large, b"b" * 20_000, large, b"c", b"d"]
    num_produced, published, bad = await _produce(lines, raw_record)
    assert [record.value for record in published] == [b"a", b"b" * 20_000, b"c", b"d"]
    assert num_produced == 4
    assert bad == [(2, "undecodable"), (4, "undecodable")]


@given(st.lists(st.binary(max_size=50)))
def test_raw_lines_are_sent_as_they_are(lines: list[bytes]) -> None:
    """Every line that is not blank is sent, whatever it holds."""
    records = [raw_record(line, _SETTINGS) for line in lines]
    assert [record.value for record in records] == [line.strip() for line in lines]


@given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_a_file_is_read_line_by_line(lines: list[bytes]) -> None:
    """Nothing is lost or joined, with or without a line feed at the end."""
    lines = [*lines, b"long" * 50_000, b"last"]

    async def read(stream: FileIO) -> list[bytes]:
        return [line async for batch in read_lines(stream) for line in batch]

    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"\n".join(lines))
        file.seek(0)
        assert asyncio.run(read(file)) == lines


async def test_a_line_is_there_before_the_writer_is_done() -> None:
    """What a pipe holds is not kept back until there is more."""
    reading_end, writing_end = os.pipe()
    with FileIO(reading_end) as stream, FileIO(writing_end, "w") as writer:
        batches = read_lines(stream)
        for line in (b"first", b"second"):
            writer.write(line + b"\n")
            async with asyncio.timeout(20):
                assert await anext(batches) == [line]
        writer.close()
        assert [batch async for batch in batches] == [[b""]]


async def test_what_cannot_be_read_is_named() -> None:
    """A pipe that is open for writing only is refused in words."""
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with FileIO(writing_end) as stream, pytest.raises(SettingsError, match="cannot be read: Bad file descr"):
        await anext(read_lines(stream))


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
                reading(settings.brokers, [settings.topic_posts], from_beginning=True) as records,
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
        assert b"Traceback" not in log
