"""JSON lines to the `posts` topic."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.codec import decode
from pipeline.errors import RecordError, SettingsError
from pipeline.kafka import Outgoing, Publisher
from pipeline.messages import Post
from pipeline.settings import Settings
from pipeline.terminal import printable

_BATCH_SIZE = 500
_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())


def read_posts(
    lines: Iterable[bytes], settings: Settings, *, on_bad: Callable[[int, RecordError], None]
) -> Iterator[Outgoing]:
    """Yield a record for each line that holds a post; tell `on_bad` the number of each other line, and why."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            post = decode(line, Post, max_bytes=settings.max_post_bytes)
        except RecordError as error:
            on_bad(number, error)
            continue
        yield Outgoing(settings.topic_posts, post.id.encode(), line.strip())


def read_raw(lines: Iterable[bytes], settings: Settings) -> Iterator[Outgoing]:
    """Yield a record for each line that is not empty, whatever it holds; without a key where it is no post."""
    for line in lines:
        if not line.strip():
            continue
        try:
            key = decode(line, Post, max_bytes=settings.max_post_bytes).id.encode()
        except RecordError:
            key = None
        yield Outgoing(settings.topic_posts, key, line.strip())


async def produce(
    publisher: Publisher, records: Iterable[Outgoing], *, advance: Callable[[int], None]
) -> int:
    """Publish the records, telling `advance` how many more are acknowledged; returns their number."""
    num_produced = 0
    remaining = iter(records)
    while batch := list(islice(remaining, _BATCH_SIZE)):
        await publisher.publish(batch)
        advance(len(batch))
        num_produced += len(batch)
    return num_produced


async def run_produce(file: str, settings: Settings, *, is_raw: bool) -> int:
    """Produce the posts in `file` (`-`: standard input) with a progress bar; returns the number of bad lines.

    Raises:
        SettingsError: the file cannot be read.
        BrokerUnavailableError: no broker.
    """
    console = Console(stderr=True)
    num_bad = 0

    def report_bad(number: int, error: RecordError) -> None:
        nonlocal num_bad
        num_bad += 1
        console.print(Text(f"{file}:{number}: {printable(str(error))}", "red"), soft_wrap=True)

    with _open(file) as stream:
        publisher = await Publisher.connect(settings.brokers, is_idempotent=settings.producer_idempotence)
        try:
            with Progress(*_COLUMNS, console=console) as progress:
                task = progress.add_task("producing", total=None)
                records = (
                    read_raw(stream, settings) if is_raw else read_posts(stream, settings, on_bad=report_bad)
                )
                await produce(publisher, records, advance=lambda n: progress.advance(task, n))
        finally:
            await publisher.close()
    return num_bad


def _open(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
