"""`tocsin demo`: runs a file of posts through the whole pipeline on this machine and shows what becomes of each."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.cli.views.demo import DemoView
from pipeline.errors import LocalServiceError, RecordError, SettingsError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.local.stack import StackOptions, local_stack
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
from pipeline.sources.json_lines import Line, raw_record, read_all_post_lines, to_item
from pipeline.sources.produce import Sum, produce_batch

# No post takes this long, even on a slow machine. After it something is stuck, and further waiting would hide that.
_MAX_SILENCE_SECONDS = 120.0


async def run_demo(posts_file: Path, options: StackOptions, view: DemoView) -> None:
    """Run every line of the file through the pipeline until each has its outcome, and show the sum.

    Raises:
        SettingsError: the file cannot be read or is empty.
        LocalServiceError: a part of the stack fails, or no outcome comes for two minutes.
    """
    lines = await read_all_post_lines(posts_file)
    if not lines:
        raise SettingsError([f"{posts_file}: holds no posts"])
    started = time.monotonic()
    with view:
        tally, num_unsent, num_repeated = await _run_stack(lines, options, view)
        view.summarise(
            {
                "posts": tally.num_posts + num_unsent + num_repeated,
                "alerts": tally.alerts,
                "abstentions": dict(tally.abstentions),
                # A line that the broker refuses as too large lies on no topic, but must be part of the sum.
                "dead_letters": dict(tally.dead_letters) | ({"unsent": num_unsent} if num_unsent else {}),
                # No second outcome for a post whose id has an alert, or whose text has an abstention.
                "repeated": num_repeated,
                "seconds": round(time.monotonic() - started, 1),
            }
        )


async def _run_stack(lines: list[Line], options: StackOptions, view: DemoView) -> tuple[Tally, int, int]:
    """Return the outcomes, the number of lines that the broker did not take, and the number of repeated posts."""
    async with local_stack(options, report=view.report) as stack:
        repeats = _find_repeats(lines, stack.settings)
        work = _run_posts(lines, stack.settings, view, repeats=repeats)
        tally, num_unsent = await stack.while_running(work)
        view.report("stopping")
    return tally, num_unsent, repeats.number


def _find_repeats(lines: list[Line], settings: Settings) -> Repeats:
    is_remembered = bool(settings.ledger_seconds)
    return Repeats(raw_record(line.content, settings) for line in lines if is_remembered)


async def _run_posts(
    lines: list[Line], settings: Settings, view: DemoView, *, repeats: Repeats
) -> tuple[Tally, int]:
    """Return the outcomes and the number of lines that the broker did not take."""
    total, unknown = Sum(), UnknownFields()

    def report_unsent(number: int, error: RecordError) -> None:
        view.report(f"line {number} is not sent: {error}")

    publisher = await Publisher.connect(Cluster.of(settings))
    to_record = partial(raw_record, settings=settings, on_unknown=unknown.note)
    try:
        items = [to_item(line, to_record) for line in lines]
        await produce_batch(publisher, items, total=total, on_bad=report_unsent)
    finally:
        await publisher.close()
    view.report(f"{quantity(total.num_sent, 'post')} produced")
    if unknown:
        view.report(f"{NOT_OF_A_POST}: {unknown}")
    return await _read_outcomes(total.num_sent, settings, view, repeats), total.num_bad


async def _read_outcomes(num_posts: int, settings: Settings, view: DemoView, repeats: Repeats) -> Tally:
    tally = Tally()
    async with follow(Cluster.of(settings), outcome_topics(settings), from_beginning=True) as records:
        while tally.num_posts < num_posts - repeats.number:
            record = await _next(records)
            if is_deletion(record, settings):
                continue
            outcome = read_outcome(record, settings)
            if tally.add(outcome, origin_of(outcome, settings)):
                repeats.note(outcome)
                view.show(outcome, tally, num_posts - repeats.number)
    return tally


async def _next(records: Any) -> Any:
    try:
        return await asyncio.wait_for(anext(records), _MAX_SILENCE_SECONDS)
    except TimeoutError:
        raise LocalServiceError(
            f"no outcome for {_MAX_SILENCE_SECONDS:.0f} s: the pipeline is stuck"
        ) from None
