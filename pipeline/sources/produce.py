"""JSON lines to the `posts` topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.errors import RecordError, TocsinError, UndecodableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher, TooLargeError
from pipeline.messages import Post
from pipeline.messages.codec import decode
from pipeline.messages.post_fields import OnUnknown
from pipeline.messages.record import Outgoing
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.printable import printable
from pipeline.settings import Settings
from pipeline.sources.json_lines import Line, open_posts, read_post_lines

# A larger record has a request of its own in any case: it is more than the Kafka client collects for one.
_LARGE_BYTES = 16_384
_CLOSE_SECONDS = 3.0
_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())

_Numbered = tuple[int, Outgoing]  # the record of the line with this number
OnBad = Callable[[int, RecordError], None]  # told the number of a line that is not sent, and why


@dataclass(slots=True)
class Sum:
    """What has become of the lines so far."""

    num_sent: int = 0  # the broker has acknowledged them
    num_bad: int = 0
    num_in_doubt: int = 0  # handed to the Kafka client when the work was interrupted, or failed

    def in_words(self, topic: str, *, is_raw: bool) -> str:
        """Return one line for people."""
        kind = "line" if is_raw else "post"
        text = f"{_count(self.num_sent, kind)} sent to {topic}"
        if self.num_bad:
            text += f", {_count(self.num_bad, 'line')} not"
        if self.num_in_doubt:
            text += f"; interrupted: up to {self.num_in_doubt:,} more may have been sent"
        return text


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def post_record(line: bytes, settings: Settings, on_unknown: OnUnknown | None = None) -> Outgoing:
    """Return the record for a line that holds a post.

    Args:
        on_unknown: told the fields that are none of a post's, if there are any.

    Raises:
        RecordError: it holds none.
    """
    post = decode(line, Post, max_bytes=settings.max_post_bytes, on_unknown=on_unknown)
    return Outgoing(settings.topic_posts, post.id.encode(), line)


def raw_record(line: bytes, settings: Settings, on_unknown: OnUnknown | None = None) -> Outgoing:
    """Return the record for a line, whatever it holds; without a key where it is no post."""
    try:
        return post_record(line, settings, on_unknown)
    except RecordError:
        return Outgoing(settings.topic_posts, None, line)


async def produce(
    publisher: Publisher,
    lines: Iterable[Line],
    to_record: Callable[[bytes], Outgoing],
    *,
    on_bad: OnBad,
    total: Sum,
) -> None:
    """Publish a record for each line, in order, and add to `total` what is acknowledged, in doubt, or not sent."""

    def refuse(number: int, error: RecordError) -> None:
        total.num_bad += 1
        on_bad(number, error)

    for _, group in groupby(_records(lines, to_record, refuse), key=_batch_key):
        await _publish(publisher, list(group), total, refuse)


async def _publish(publisher: Publisher, batch: Sequence[_Numbered], total: Sum, refuse: OnBad) -> None:
    """Publish the records; those that the broker refuses together, one by one."""
    try:
        await publisher.publish([record for _, record in batch])
    except TooLargeError as error:
        unsent = {id(record) for record in error.unsent}
        refused = [numbered for numbered in batch if id(numbered[1]) in unsent]
        total.num_sent += len(batch) - len(refused)
        if len(batch) == 1:
            [(number, record)] = batch
            size = len(record.value or b"")
            refuse(number, UndecodableError(f"{size} bytes are more than the broker takes in one record"))
            return
        for numbered in refused:
            await _publish(publisher, [numbered], total, refuse)
    except (asyncio.CancelledError, TocsinError):
        total.num_in_doubt += len(batch)
        raise
    else:
        total.num_sent += len(batch)


def _records(
    lines: Iterable[Line], to_record: Callable[[bytes], Outgoing], on_bad: OnBad
) -> Iterator[_Numbered]:
    for number, content in lines:
        try:
            record = to_record(content)
        except RecordError as error:
            on_bad(number, error)
            continue
        yield number, record


def _batch_key(numbered: _Numbered) -> int:
    """Return the line's number for a large record, which the broker may refuse, and 0 for all others."""
    number, record = numbered
    return number if len(record.value or b"") > _LARGE_BYTES else 0


async def run_produce(file: str, settings: Settings, *, is_raw: bool) -> int:
    """Produce the posts in `file` (`-`: standard input) and say how many; returns the number of bad lines.

    The sum is said whatever ends the work, once it has begun; fields that are none of a post's are named with it.

    Raises:
        SettingsError: the file cannot be read, or is none of one JSON object a line.
        BrokerUnavailableError: no broker, or no topic of posts.
        KafkaAccessError: the broker refuses us.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    total, unknown = Sum(), UnknownFields()

    def report_bad(number: int, error: RecordError) -> None:
        console.print(Text(f"{printable(file)}:{number}: {printable(str(error))}", "red"))

    to_record = partial(raw_record if is_raw else post_record, settings=settings, on_unknown=unknown.note)
    with open_posts(file) as stream:
        publisher = await Publisher.connect(
            Cluster.of(settings),
            topics=[settings.topic_posts],
        )
        try:
            with Progress(
                *_COLUMNS, console=console, transient=True, disable=not console.is_terminal
            ) as progress:
                task = progress.add_task("producing", total=None)
                async for lines in read_post_lines(stream, is_raw=is_raw):
                    await produce(publisher, lines, to_record, on_bad=report_bad, total=total)
                    progress.update(task, completed=total.num_sent)
        finally:
            if unknown:
                console.print(f"{NOT_OF_A_POST}: {unknown}", markup=False)
            console.print(total.in_words(settings.topic_posts, is_raw=is_raw), markup=False)
            # What was interrupted while the broker is away would be tried for most of a minute.
            with suppress(TimeoutError):
                await asyncio.wait_for(publisher.close(), _CLOSE_SECONDS)
    return total.num_bad
