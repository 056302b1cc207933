"""Liveness means progress: a process before which records wait, and that does nothing about them, is not alive.

Anything that moves counts as progress, see `Progress.move`: also a request to the LLM that fails, or a record that the
broker does not take yet. So an outage that the agent knows of and waits out leaves it alive, however long that takes:
nothing would be better after a restart. What is found is the process that does nothing at all, and the consumer that
has fallen silent: what the broker has is asked for by a client of its own, for the silent one would say that nothing
waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from pipeline.errors import TocsinError
from pipeline.monitor.health import Health
from pipeline.monitor.progress import Progress
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

_LOOKS_PER_STALL = 4


class Watchdog:
    """Tells `health` of a stall, and of its end.

    Args:
        count_waiting: asks the broker how many records wait.
        stall_seconds: nothing moved for this long, and records wait: stalled.
    """

    def __init__(
        self,
        progress: Progress,
        health: Health,
        *,
        count_waiting: Callable[[], Awaitable[int]],
        stall_seconds: float,
    ) -> None:
        self._progress = progress
        self._health = health
        self._count_waiting = count_waiting
        self._stall_seconds = stall_seconds

    async def watch(self) -> None:
        """Look a few times in each `stall_seconds`; never returns."""
        pause = self._stall_seconds / _LOOKS_PER_STALL
        while True:
            await asyncio.sleep(pause)
            if self._progress.still_seconds >= pause:
                await self._look()
            if self._progress.still_seconds < self._stall_seconds:
                self._health.stalled("")

    async def _look(self) -> None:
        try:
            num_waiting = await self._count_waiting()
        except TocsinError as error:
            logger.warning("%s; that is why nothing moves", error)
            num_waiting = 0
        if not num_waiting:
            self._progress.move()  # so far there was nothing to do
        elif (still := self._progress.still_seconds) >= self._stall_seconds:
            self._health.stalled(f"{num_waiting} records wait and nothing moved for {still:.0f} s")


@asynccontextmanager
async def watched(
    count_waiting: Callable[[], Awaitable[int]], progress: Progress, health: Health, *, settings: Settings
) -> AsyncIterator[None]:
    """Watch an agent, before which `count_waiting` records lie, for as long as the context lives."""
    watchdog = Watchdog(
        progress,
        health,
        count_waiting=count_waiting,
        stall_seconds=settings.stall_seconds,
    )
    if settings.stall_exit:
        end_process_when_dead(health)
    watching = asyncio.create_task(watchdog.watch())
    watching.add_done_callback(partial(_tell_failure, health))
    try:
        yield
    finally:
        watching.cancel()


def _tell_failure(health: Health, watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (error := watching.exception()):
        logger.error("the watchdog failed", exc_info=error)
        health.stalled(f"nobody watches: {type(error).__name__} in the watchdog")


def end_process_when_dead(health: Health) -> None:
    """End the process hard once the liveness probe fails, as something that hangs may hang in its stop too.

    What was in hand is uncommitted and comes again. Runs in a thread, for the event loop may be what hangs.
    """

    def watch() -> None:
        while not (problem := health.why_not_alive()):
            time.sleep(1.0)
        logger.critical("ending the process: %s", problem)
        os._exit(1)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
