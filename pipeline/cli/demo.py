"""`tocsin demo`: runs a file of posts through the whole pipeline on this machine and shows what becomes of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.cli.views.demo import DemoView
from pipeline.errors import LocalServiceError, RecordError, SettingsError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.local.stack import StackOptions, local_stack
from pipeline.messages.record import Outgoing
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.outcomes.outcome import (
    Tally,
    is_deletion,
    origin_of,
    outcome_topics,
    read_outcome,
)
from pipeline.outcomes.repeats import Repeats
from pipeline.printable import quantity
from pipeline.settings import Settings
from pipeline.sources.post_file import Document, read_all_documents
from pipeline.sources.post_records import DocumentReader, OutcomeReader, to_every_item
from pipeline.sources.produce import SourceItem, Sum, produce_batch

# No post takes this long, even on a slow machine. After it something is stuck, and further waiting would hide that.
_MAX_SILENCE_SECONDS = 120.0


async def run_demo(posts_file: Path, options: StackOptions, view: DemoView) -> None:
    """Run everything in the file through the pipeline until each post has its outcome, and show the sum.

    Raises:
        SettingsError: the file or the mapping cannot be used, or the file is empty.
        LocalServiceError: a part of the stack fails, or no outcome comes for two minutes.
    """
    documents = await read_all_documents(posts_file)
    if not documents:
        raise SettingsError([f"{posts_file}: holds no posts"])
    unknown = UnknownFields()
    batch = Batch.of(documents, Settings(**options.settings), unknown)
    started = time.monotonic()
    with view:
        async with local_stack(options, report=view.report) as stack:
            tally, total = await stack.while_running(_run_posts(batch, stack.settings, view, unknown))
            view.report("stopping")
        view.summarise(
            {
                "posts": tally.num_posts + total.num_bad + batch.repeats.number,
                "alerts": tally.alerts,
                "abstentions": dict(tally.abstentions),
                # A post that the broker refuses as too large lies on no topic, but must be part of the sum.
                "dead_letters": dict(tally.dead_letters)
                | ({"unsent": total.num_bad} if total.num_bad else {}),
                # No second outcome for a post whose id has an alert, or whose text has an abstention.
                "repeated": batch.repeats.number,
                # These are not posts, and not part of the sum.
                "deletions": total.num_deletions,
                "skipped": total.num_skipped,
                "seconds": round(time.monotonic() - started, 1),
            }
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What a demo sends.

    Attributes:
        unit: what the numbers of the items count.
        num_outcomes: outcomes of all records, if each is sent and none is skipped as a repeat.
    """

    items: Sequence[SourceItem]
    unit: str
    num_outcomes: int
    repeats: Repeats

    @classmethod
    def of(cls, documents: Sequence[Document], settings: Settings, unknown: UnknownFields) -> Self:
        """Return everything in the documents. What is not a post is sent too, and becomes a dead letter."""
        reader = DocumentReader(settings, on_unknown=unknown.note)
        items = [item for document in documents for item in to_every_item(document, reader)]
        outcomes = OutcomeReader(settings)
        found = [outcomes.read(item.record) for item in items if isinstance(item.record, Outgoing)]
        is_remembered = bool(settings.ledger_seconds)
        posts = (post for record in found for post in record if post is not None)
        repeats = Repeats(posts if is_remembered else ())
        unit = "item" if documents[0].is_file else "line"
        return cls(items, unit, sum(map(len, found)), repeats)


async def _run_posts(
    batch: Batch, settings: Settings, view: DemoView, unknown: UnknownFields
) -> tuple[Tally, Sum]:
    """Return the outcomes, and what became of the items."""
    total = Sum()

    def report_unsent(number: int, error: RecordError) -> None:
        view.report(f"{batch.unit} {number} is not sent: {error}")

    publisher = await Publisher.connect(Cluster.of(settings))
    try:
        await produce_batch(publisher, batch.items, total=total, on_bad=report_unsent)
    finally:
        await publisher.close()
    view.report(f"{quantity(total.num_sent - total.num_deletions, 'post')} produced")
    if unknown:
        view.report(f"{NOT_OF_A_POST}: {unknown}")
    # A record that the broker refuses as too large would have had one outcome, a dead letter.
    tally = await _read_outcomes(batch.num_outcomes - total.num_bad, settings, view, batch.repeats)
    return tally, total


async def _read_outcomes(num_outcomes: int, settings: Settings, view: DemoView, repeats: Repeats) -> Tally:
    tally = Tally()
    async with follow(Cluster.of(settings), outcome_topics(settings), from_beginning=True) as records:
        while tally.num_posts < num_outcomes - repeats.number:
            record = await _next(records)
            if is_deletion(record, settings):
                continue
            outcome = read_outcome(record, settings)
            if tally.add(outcome, origin_of(outcome, settings)):
                repeats.note(outcome)
                view.show(outcome, tally, num_outcomes - repeats.number)
    return tally


async def _next(records: Any) -> Any:
    try:
        return await asyncio.wait_for(anext(records), _MAX_SILENCE_SECONDS)
    except TimeoutError:
        raise LocalServiceError(
            f"no outcome for {_MAX_SILENCE_SECONDS:.0f} s: the pipeline is stuck"
        ) from None
