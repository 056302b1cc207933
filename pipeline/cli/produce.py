"""`tocsin produce`: sends the posts of a file or pipe to the topic of posts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.errors import RecordError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.printable import printable, quantity
from pipeline.settings import Settings
from pipeline.sources.json_lines import open_posts, post_record, raw_record, read_records
from pipeline.sources.produce import Sum, produce

_CLOSE_SECONDS = 3.0
_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())


async def run_produce(file: str, settings: Settings, *, is_raw: bool) -> int:
    """Produce the posts in `file` (`-`: standard input) and print how many; returns the number of bad lines.

    Once the work has begun, the sum is printed however it ends, and with it the fields that a post does not have.

    Raises:
        SettingsError: the file cannot be read, or does not hold one JSON object a line.
        BrokerUnavailableError: no broker, or no topic of posts.
        KafkaAccessError: the broker refuses us.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    total, unknown = Sum(), UnknownFields()

    def report_bad(number: int, error: RecordError) -> None:
        console.print(Text(f"{printable(file)}:{number}: {printable(str(error))}", "red"))

    to_record = partial(raw_record if is_raw else post_record, settings=settings, on_unknown=unknown.note)
    with open_posts(file, is_raw=is_raw) as stream:
        publisher = await Publisher.connect(Cluster.of(settings), topics=[settings.topic_posts])
        try:
            with Progress(
                *_COLUMNS, console=console, transient=True, disable=not console.is_terminal
            ) as progress:
                task = progress.add_task("producing", total=None)
                await produce(
                    publisher,
                    read_records(stream, to_record, is_raw=is_raw),
                    total=total,
                    on_bad=report_bad,
                    on_batch=lambda: progress.update(task, completed=total.num_sent),
                )
        finally:
            if unknown:
                console.print(f"{NOT_OF_A_POST}: {unknown}", markup=False)
            console.print(describe_sum(total, settings.topic_posts, is_raw=is_raw), markup=False)
            # A record that was interrupted while the broker is away would be tried for most of a minute.
            with suppress(TimeoutError):
                await asyncio.wait_for(publisher.close(), _CLOSE_SECONDS)
    return total.num_bad


def describe_sum(total: Sum, topic: str, *, is_raw: bool) -> str:
    """Return one line for people: how many records were sent, and how many were not or are in doubt."""
    text = f"{quantity(total.num_sent, 'line' if is_raw else 'post')} sent to {topic}"
    if total.num_bad:
        text += f", {quantity(total.num_bad, 'line')} not"
    if total.num_in_doubt:
        text += f"; interrupted: up to {total.num_in_doubt:,} more may have been sent"
    return text
