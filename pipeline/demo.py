"""`tocsin demo`: a file of posts through the whole pipeline on this machine, every outcome shown, and a sum."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self

from pipeline.errors import LocalServiceError, RecordError, SettingsError
from pipeline.kafka_security import kafka_security
from pipeline.local_stack import StackOptions, local_stack
from pipeline.outcomes import Outcome, Tally, origin_of, outcome_topics, read_outcome
from pipeline.produce import produce, raw_record
from pipeline.publisher import Publisher
from pipeline.settings import Settings
from pipeline.topic_reader import reading

SAMPLE_POSTS = Path(__file__).with_name("sample_posts.jsonl")

# Longer than any post takes on a slow machine: then something is stuck, and waiting on would hide it.
_MAX_SILENCE_SECONDS = 120.0


class DemoView(Protocol):
    """Who is told what happens, between its beginning and its end."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""

    def report(self, step: str) -> None:
        """Say what is being done now."""

    def show(self, outcome: Outcome, tally: Tally, num_posts: int) -> None:
        """Show one post's outcome."""

    def summarise(self, summary: dict[str, Any]) -> None:
        """Show the sum at the end."""


async def run_demo(posts_file: Path, options: StackOptions, view: DemoView) -> None:
    """Run every line of the file through the pipeline until each has its outcome, and show the sum.

    Raises:
        SettingsError: the file cannot be read or holds nothing.
        LocalServiceError: a part of the stack fails, or no outcome comes for two minutes.
    """
    lines = _read_lines(posts_file)
    started = time.monotonic()
    with view:
        tally, num_unsent, num_repeated = await _run_stack(lines, options, view)
        view.summarise(
            {
                "posts": tally.num_posts + num_unsent + num_repeated,
                "alerts": tally.alerts,
                "abstentions": dict(tally.abstentions),
                # A line that the broker refuses as too large never got on a topic, but must not be missing here.
                "dead_letters": dict(tally.dead_letters) | ({"unsent": num_unsent} if num_unsent else {}),
                # A post whose id had its outcome before gets no other.
                "repeated": num_repeated,
                "seconds": round(time.monotonic() - started, 1),
            }
        )


async def _run_stack(lines: list[bytes], options: StackOptions, view: DemoView) -> tuple[Tally, int, int]:
    """Return the outcomes, how many lines the broker did not take, and how many have the id of another."""
    async with local_stack(options, report=view.report) as stack:
        num_repeated = _count_repeats(lines, stack.settings)
        work = _run_posts(lines, stack.settings, view, num_repeated=num_repeated)
        tally, num_unsent = await stack.while_running(work)
        view.report("stopping")
    return tally, num_unsent, num_repeated


def _read_lines(file: Path) -> list[bytes]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    if not any(line.strip() for line in lines):
        raise SettingsError([f"{file}: no posts in it"])
    return lines


def _count_repeats(lines: list[bytes], settings: Settings) -> int:
    if not settings.ledger_seconds:
        return 0
    ids = [raw_record(line, settings).key for line in lines if line.strip()]
    known = [post_id for post_id in ids if post_id is not None]
    return len(known) - len(set(known))


async def _run_posts(
    lines: list[bytes], settings: Settings, view: DemoView, *, num_repeated: int
) -> tuple[Tally, int]:
    """Return the outcomes, and how many lines the broker did not take."""
    num_unsent = 0

    def report_unsent(number: int, error: RecordError) -> None:
        nonlocal num_unsent
        num_unsent += 1
        view.report(f"line {number} is not sent: {error}")

    publisher = await Publisher.connect(
        settings.brokers,
        is_idempotent=settings.producer_idempotence,
        security=kafka_security(settings),
    )
    try:
        num_posts = await produce(
            publisher, lines, partial(raw_record, settings=settings), on_bad=report_unsent
        )
    finally:
        await publisher.close()
    view.report(f"{num_posts} posts produced")
    return await _read_outcomes(num_posts - num_repeated, settings, view), num_unsent


async def _read_outcomes(num_posts: int, settings: Settings, view: DemoView) -> Tally:
    tally = Tally()
    async with reading(
        settings.brokers,
        outcome_topics(settings),
        from_beginning=True,
        security=kafka_security(settings),
    ) as records:
        while tally.num_posts < num_posts:
            outcome = read_outcome(await _next(records), settings)
            if tally.add(outcome, origin_of(outcome, settings)):
                view.show(outcome, tally, num_posts)
    return tally


async def _next(records: Any) -> Any:
    try:
        return await asyncio.wait_for(anext(records), _MAX_SILENCE_SECONDS)
    except TimeoutError:
        raise LocalServiceError(
            f"no outcome for {_MAX_SILENCE_SECONDS:.0f} s: the pipeline is stuck"
        ) from None
