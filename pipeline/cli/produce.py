"""`tocsin produce`: sends the posts of a file or pipe to the topic of posts, as a command for any source may do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.errors import RecordError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.printable import printable, quantity
from pipeline.settings import Settings
from pipeline.sources.post_file import open_posts
from pipeline.sources.post_records import DocumentReader, read_items, read_raw_items
from pipeline.sources.produce import SourceItem, Sum, produce

_CLOSE_SECONDS = 3.0
_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass(frozen=True, slots=True)
class Source:
    """A source of posts, and the words for it in what people read.

    Args:
        name: stands before the number of each item that is not sent, as in `posts.jsonl:17`.
        batches: what the source yields.
        sent: the noun for one record that was sent.
        unsent: the noun for one item that was not.
        unknown: the fields that a post does not have, noted while the source is read.
    """

    name: str
    batches: AsyncIterable[Sequence[SourceItem]]
    sent: str = "post"
    unsent: str = "item"
    unknown: UnknownFields = field(default_factory=UnknownFields)


async def run_produce(file: str, settings: Settings, *, is_raw: bool) -> int:
    """Produce the posts in `file` (`-`: standard input) and print how many; returns the number of bad items.

    Args:
        is_raw: send every line as it is.

    Raises:
        SettingsError: the file or the mapping cannot be used.
        BrokerUnavailableError: no broker, or no topic of posts.
        KafkaAccessError: the broker refuses us.
    """
    unknown = UnknownFields()
    reader = DocumentReader(settings, on_unknown=unknown.note)
    with open_posts(file, is_raw=is_raw) as posts:
        batches = read_raw_items(posts, reader) if is_raw else read_items(posts, reader)
        sent = "line" if is_raw else "post"
        source = Source(file, batches, sent=sent, unsent=posts.unit, unknown=unknown)
        return await run_source(source, settings)


async def run_source(source: Source, settings: Settings) -> int:
    """Publish what a source yields and print how many posts were sent; returns the number of bad items.

    Once the work has begun, the sum is printed however it ends, and with it the fields that a post does not have.

    Raises:
        BrokerUnavailableError: no broker, or no topic of posts.
        KafkaAccessError: the broker refuses us.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    total = Sum()

    def report_bad(number: int, error: RecordError) -> None:
        console.print(Text(f"{printable(source.name)}:{number}: {printable(str(error))}", "red"))

    publisher = await Publisher.connect(Cluster.of(settings), topics=[settings.topic_posts])
    try:
        with Progress(
            *_COLUMNS, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task("producing", total=None)
            await produce(
                publisher,
                source.batches,
                total=total,
                on_bad=report_bad,
                on_batch=lambda: progress.update(task, completed=total.num_sent),
            )
    finally:
        if source.unknown:
            console.print(f"{NOT_OF_A_POST}: {source.unknown}", markup=False)
        console.print(
            describe_sum(total, settings.topic_posts, sent=source.sent, unsent=source.unsent), markup=False
        )
        # A record that was interrupted while the broker is away would be tried for most of a minute.
        with suppress(TimeoutError):
            await asyncio.wait_for(publisher.close(), _CLOSE_SECONDS)
    return total.num_bad


def describe_sum(total: Sum, topic: str, *, sent: str, unsent: str) -> str:
    """Return one line for people: how many records were sent, and how many were not or are in doubt."""
    text = quantity(total.num_sent - total.num_deletions, sent)
    if total.num_deletions:
        text += f" and {quantity(total.num_deletions, 'deletion')}"
    text += f" sent to {topic}"
    if total.num_bad:
        text += f", {quantity(total.num_bad, unsent)} not"
    if total.num_skipped:
        are_no_posts = "that is no post" if total.num_skipped == 1 else "that are no posts"
        text += f", {quantity(total.num_skipped, 'item')} skipped {are_no_posts}"
    if total.num_in_doubt:
        text += f"; interrupted: up to {total.num_in_doubt:,} more may have been sent"
    return text
