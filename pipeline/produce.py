"""JSON lines to the `posts` topic."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import groupby
from pathlib import Path

from aiokafka.errors import MessageSizeTooLargeError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.codec import decode
from pipeline.errors import RecordError, SettingsError, UndecodableError
from pipeline.kafka_security import kafka_security
from pipeline.messages import Post
from pipeline.publisher import Outgoing, Publisher
from pipeline.settings import Settings
from pipeline.terminal import printable

_STDIN = 0
_READ_BYTES = 65_536
# A larger record has a request of its own in any case: it is more than the Kafka client collects for one.
_LARGE_BYTES = 16_384
_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())

OnBad = Callable[[int, RecordError], None]  # told the number of a line that is not sent, and why


def post_record(line: bytes, settings: Settings) -> Outgoing:
    """Return the record for a line that holds a post.

    Raises:
        RecordError: it holds none.
    """
    post = decode(line, Post, max_bytes=settings.max_post_bytes)
    return Outgoing(settings.topic_posts, post.id.encode(), line.strip())


def raw_record(line: bytes, settings: Settings) -> Outgoing:
    """Return the record for a line, whatever it holds; without a key where it is no post."""
    try:
        return post_record(line, settings)
    except RecordError:
        return Outgoing(settings.topic_posts, None, line.strip())


async def produce(
    publisher: Publisher,
    lines: Iterable[bytes],
    to_record: Callable[[bytes], Outgoing],
    *,
    on_bad: OnBad,
    first_number: int = 1,
) -> int:
    """Publish a record for each line that is not blank, in order; returns how many are acknowledged."""
    num_produced = 0
    records = _records(enumerate(lines, first_number), to_record, on_bad)
    for _, group in groupby(records, key=_batch_key):
        batch = list(group)
        try:
            await publisher.publish([record for _, record in batch])
        except MessageSizeTooLargeError:
            if len(batch) > 1:
                raise
            number, record = batch[0]
            size = len(record.value or b"")
            on_bad(number, UndecodableError(f"{size} bytes are more than the broker takes in one record"))
        else:
            num_produced += len(batch)
    return num_produced


def _records(
    lines: Iterable[tuple[int, bytes]], to_record: Callable[[bytes], Outgoing], on_bad: OnBad
) -> Iterator[tuple[int, Outgoing]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            record = to_record(line)
        except RecordError as error:
            on_bad(number, error)
            continue
        yield number, record


def _batch_key(numbered: tuple[int, Outgoing]) -> int:
    """Return the line's number for a large record, which the broker may refuse, and 0 for all others."""
    number, record = numbered
    return number if len(record.value or b"") > _LARGE_BYTES else 0


async def read_lines(stream: FileIO) -> AsyncIterator[list[bytes]]:
    """Yield the lines of a file or pipe as they come, those that are there at once together."""
    pending = bytearray()
    while chunk := await _read(stream):
        pending += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            yield lines
    yield [bytes(pending)]


async def _read(stream: FileIO) -> bytes:
    """Return what can be read now, and wait where that is nothing; empty at the end."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bytes] = loop.create_future()

    def settle(chunk: bytes | OSError) -> None:
        if result.cancelled():
            return
        if isinstance(chunk, OSError):
            name = "standard input" if stream.name == _STDIN else str(stream.name)
            result.set_exception(_unreadable(name, chunk))
        else:
            result.set_result(chunk)

    def read() -> None:
        chunk: bytes | OSError
        try:
            chunk = stream.read(_READ_BYTES) or b""
        except OSError as error:
            chunk = error
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(settle, chunk)

    # Not a thread of the loop's pool: Ctrl-C would wait for it, and it for a line that may never come.
    threading.Thread(target=read, daemon=True).start()
    return await result


async def run_produce(file: str, settings: Settings, *, is_raw: bool) -> int:
    """Produce the posts in `file` (`-`: standard input) with a progress bar; returns the number of bad lines.

    Raises:
        SettingsError: the file cannot be read.
        BrokerUnavailableError: no broker, or no topic of posts.
        KafkaAccessError: the broker refuses us.
    """
    console = Console(stderr=True)
    num_bad = 0

    def report_bad(number: int, error: RecordError) -> None:
        nonlocal num_bad
        num_bad += 1
        console.print(Text(f"{file}:{number}: {printable(str(error))}", "red"), soft_wrap=True)

    to_record = partial(raw_record if is_raw else post_record, settings=settings)
    with _open(file) as stream:
        publisher = await Publisher.connect(
            settings.brokers,
            is_idempotent=settings.producer_idempotence,
            security=kafka_security(settings),
            topics=[settings.topic_posts],
        )
        try:
            with Progress(*_COLUMNS, console=console) as progress:
                task = progress.add_task("producing", total=None)
                first_number = 1
                async for lines in read_lines(stream):
                    num_produced = await produce(
                        publisher, lines, to_record, on_bad=report_bad, first_number=first_number
                    )
                    progress.advance(task, num_produced)
                    first_number += len(lines)
        finally:
            await publisher.close()
    return num_bad


def _open(file: str) -> FileIO:
    if file == "-":
        return FileIO(_STDIN, closefd=False)
    try:
        return Path(file).open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: OSError) -> SettingsError:
    return SettingsError([f"{file}: cannot be read: {error.strerror}"])
