"""`tocsin demo`: a file of posts through the whole pipeline on this machine, every outcome shown, and a sum."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import LocalServiceError, SettingsError
from pipeline.kafka import Publisher, reading
from pipeline.local_stack import LocalStack, StackOptions, local_stack
from pipeline.outcomes import Outcome, Tally, origin_of, outcome_topics, read_outcome
from pipeline.produce import produce, read_raw
from pipeline.settings import Settings

SAMPLE_POSTS = Path(__file__).with_name("sample_posts.jsonl")

# Longer than any post takes on a slow machine: then something is stuck, and waiting on would hide it.
_MAX_SILENCE_SECONDS = 120.0


class DemoView(Protocol):
    """Who is told what happens."""

    def report(self, step: str) -> None:
        """Say what is being done now."""

    def show(self, outcome: Outcome, tally: Tally, num_posts: int) -> None:
        """Show one post's outcome."""

    def summarise(self, summary: dict[str, Any]) -> None:
        """Show the sum at the end."""


async def run_demo(posts_file: Path, options: StackOptions, view: DemoView) -> bool:
    """Run every line of the file through the pipeline; returns whether the outcomes add up.

    Raises:
        SettingsError: the file cannot be read or holds nothing.
        LocalServiceError: a part of the stack fails, or no outcome comes for two minutes.
    """
    lines = _read_lines(posts_file)
    started = time.monotonic()
    async with local_stack(options, report=view.report) as stack:
        tally = await _with_watch(stack, _run_posts(lines, stack.settings, view))
        view.report("stopping")
    view.summarise(
        {
            "posts": len(lines),
            "alerts": tally.alerts,
            "abstentions": dict(tally.abstentions),
            "dead_letters": dict(tally.dead_letters),
            "seconds": round(time.monotonic() - started, 1),
        }
    )
    return tally.num_posts == len(lines)


def _read_lines(file: Path) -> list[bytes]:
    try:
        lines = [line for line in file.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    if not lines:
        raise SettingsError([f"{file}: no posts in it"])
    return lines


async def _with_watch(stack: LocalStack, work: Coroutine[Any, Any, Tally]) -> Tally:
    """Return what `work` returns, unless a process of the stack ends before."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(stack.wait_for_failure())
    try:
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            await watching  # raises what went wrong
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _run_posts(lines: list[bytes], settings: Settings, view: DemoView) -> Tally:
    publisher = await Publisher.connect(settings.brokers, is_idempotent=settings.producer_idempotence)
    try:
        await produce(publisher, read_raw(lines, settings), advance=lambda _: None)
    finally:
        await publisher.close()
    view.report(f"{len(lines)} posts produced")
    tally = Tally()
    async with reading(settings.brokers, outcome_topics(settings), from_beginning=True) as records:
        while tally.num_posts < len(lines):
            outcome = read_outcome(await _next(records), settings)
            if tally.add(outcome, origin_of(outcome, settings)):
                view.show(outcome, tally, len(lines))
    return tally


async def _next(records: Any) -> Any:
    try:
        return await asyncio.wait_for(anext(records), _MAX_SILENCE_SECONDS)
    except TimeoutError:
        raise LocalServiceError(
            f"no outcome for {_MAX_SILENCE_SECONDS:.0f} s: the pipeline is stuck"
        ) from None
