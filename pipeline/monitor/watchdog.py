"""Liveness means progress: a process is not alive if records wait for it and it does nothing about them.

Anything that moves counts as progress, see `Progress.move`: even a request to the LLM that fails, or a record that the
broker does not take yet. So an agent that waits out an outage stays alive, however long that takes: a restart would
change nothing. Two faults are found: a process that does nothing, and a consumer that has gone silent. A silent
consumer would report that nothing is waiting, so a second client asks the broker.
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
from pipeline.monitor.health import Health, Progress
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

_LOOKS_PER_STALL = 4


class Watchdog:
    """Notes in `health` that a stall begins, and that it ends.

    Args:
        count_waiting: asks the broker how many records wait.
        stall_seconds: if records wait and nothing moves for this long, that is a stall.
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
                self._health.note_stall(None)

    async def _look(self) -> None:
        try:
            num_waiting = await self._count_waiting()
        except TocsinError as error:
            logger.warning("%s; this is why nothing moves", error)
            num_waiting = 0
        if not num_waiting:
            self._progress.move()  # so far there was nothing to do
        elif (still := self._progress.still_seconds) >= self._stall_seconds:
            self._health.note_stall(f"{num_waiting} records wait and nothing moved for {still:.0f} s")


@asynccontextmanager
async def watched(
    count_waiting: Callable[[], Awaitable[int]], progress: Progress, health: Health, *, settings: Settings
) -> AsyncIterator[None]:
    """Watch an agent for which `count_waiting` records wait, for as long as the context lives."""
    watchdog = Watchdog(
        progress,
        health,
        count_waiting=count_waiting,
        stall_seconds=settings.stall_seconds,
    )
    if settings.stall_exit:
        end_process_when_dead(health)
    watching = asyncio.create_task(watchdog.watch())
    watching.add_done_callback(partial(_note_failure, health))
    try:
        yield
    finally:
        watching.cancel()


def _note_failure(health: Health, watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (error := watching.exception()):
        logger.error("the watchdog failed", exc_info=error)
        health.note_stall(f"the watchdog failed: {type(error).__name__}")


def end_process_when_dead(health: Health) -> None:
    """End the process at once when the liveness probe fails. A process that hangs may hang in its stop too.

    Its unfinished records are uncommitted and come again. This runs in a thread because the event loop may hang.
    """

    def watch() -> None:
        while not (problem := health.why_not_alive()):
            time.sleep(1.0)
        logger.critical("ending the process: %s", problem)
        os._exit(1)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
