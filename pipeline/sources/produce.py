"""Publishes the records of any source on the topic of posts, and counts what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from pipeline.errors import RecordError, TocsinError, UndecodableError
from pipeline.formats.format import Skipped
from pipeline.kafka.publisher import Publisher, TooLargeError
from pipeline.messages.record import Outgoing

# A larger record has a request of its own in any case: it is more than the Kafka client collects for one.
_LARGE_BYTES = 16_384


class SourceItem(NamedTuple):
    """What a source gives: a record to publish, the error that explains why there is none, or what is no post.

    Attributes:
        number: the item's number in its source, for reports; that of a line, for example.
        record: a deletion is a record without a value, under the id of its post.
    """

    number: int
    record: Outgoing | RecordError | Skipped


_Numbered = tuple[int, Outgoing]
# Called with the number of each item that is not sent, and why.
OnBad = Callable[[int, RecordError], None]


@dataclass(slots=True)
class Sum:
    """What has become of the items of a source so far.

    Attributes:
        num_sent: records that the broker has acknowledged.
        num_deletions: those among them that delete a post.
        num_bad: items without a record, and records that are too large for the broker.
        num_in_doubt: records that the Kafka client had when the work was interrupted, or failed.
        num_skipped: items that are no posts.
    """

    num_sent: int = 0
    num_bad: int = 0
    num_in_doubt: int = 0
    num_deletions: int = 0
    num_skipped: int = 0

    def count_sent(self, records: Iterable[_Numbered]) -> None:
        """Count these records as acknowledged."""
        for _, record in records:
            self.num_sent += 1
            self.num_deletions += record.value is None


async def produce(
    publisher: Publisher,
    batches: AsyncIterable[Sequence[SourceItem]],
    *,
    total: Sum,
    on_bad: OnBad,
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Publish every batch of a source as soon as the source gives it.

    Args:
        total: counts what becomes of each item.
        on_bad: called for each item that is not sent.
        on_batch: called after each batch.
    """
    async for batch in batches:
        await produce_batch(publisher, batch, total=total, on_bad=on_bad)
        on_batch()


async def produce_batch(
    publisher: Publisher, batch: Iterable[SourceItem], *, total: Sum, on_bad: OnBad
) -> None:
    """Publish the records of one batch in order; `total` and `on_bad` are as in `produce`."""

    def refuse(number: int, error: RecordError) -> None:
        total.num_bad += 1
        on_bad(number, error)

    for _, group in groupby(batch, key=_group_key):
        records: list[_Numbered] = []
        for number, record in group:
            if isinstance(record, RecordError):
                refuse(number, record)
            elif isinstance(record, Skipped):
                total.num_skipped += 1
            else:
                records.append((number, record))
        if records:
            await _publish(publisher, records, total, refuse)


async def _publish(publisher: Publisher, group: Sequence[_Numbered], total: Sum, refuse: OnBad) -> None:
    """Publish the records; if the broker refuses some of them together, publish those one by one."""
    try:
        await publisher.publish([record for _, record in group])
    except TooLargeError as error:
        unsent = {id(record) for record in error.unsent}
        refused = [numbered for numbered in group if id(numbered[1]) in unsent]
        total.count_sent(numbered for numbered in group if id(numbered[1]) not in unsent)
        if len(group) == 1:
            [(number, record)] = group
            size = len(record.value or b"")
            refuse(number, UndecodableError(f"{size} bytes are more than the broker takes in one record"))
            return
        for numbered in refused:
            await _publish(publisher, [numbered], total, refuse)
    except (asyncio.CancelledError, TocsinError):
        total.num_in_doubt += len(group)
        raise
    else:
        total.count_sent(group)


def _group_key(item: SourceItem) -> int:
    """Return the number of an item whose record is large, as the broker may refuse it, and 0 for all others."""
    record = item.record
    is_large = isinstance(record, Outgoing) and len(record.value or b"") > _LARGE_BYTES
    return item.number if is_large else 0
