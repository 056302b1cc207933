"""Ctrl-C and SIGTERM: no traceback, nothing left behind, and the status that shells expect (130, 143).

A third one ends the process at once, whatever it still clears away.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The second would cut the clearing away short, which ends by itself: who sends a third wants no more of it.
_PATIENT_SIGNALS = 2


def end_at_once_when_told(*, status: int | None = None) -> None:
    """Let a signal end the process there and then, for as long as it has begun nothing.

    An exception would not do: one that is raised while modules load may be swallowed, or shown as their failure.

    Args:
        status: what the process ends with; none: what shells expect of one that a signal has ended.
    """
    for number in _heeded():
        signal.signal(number, lambda number, _: os._exit(128 + number if status is None else status))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns; a signal cancels it, and ends the process once it has cleared away."""
    import asyncio

    try:
        return asyncio.run(_unless_told(work))
    finally:
        end_at_once_when_told()  # the loop has left Python's own handlers


async def _unless_told(work: Coroutine[Any, Any, _T]) -> _T:
    import asyncio

    task = asyncio.ensure_future(work)
    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        if len(told) == 1:
            task.cancel()
        elif len(told) > _PATIENT_SIGNALS:  # what is not cleared away is lost; children end with their parent
            os._exit(128 + number)

    for number in _heeded():
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    await asyncio.wait([task])
    if told:
        _end(128 + told[0], task)
    return task.result()


def _end(status: int, task: asyncio.Task[Any]) -> None:
    """End the process without waiting for its threads, which may be loading a network."""
    if not task.cancelled():
        task.exception()  # that it failed while it was stopped is nobody's concern
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader of a pipe has gone
            continue
    os._exit(status)


def _heeded() -> list[signal.Signals]:
    """Return the signals that whoever started the process has not told it to ignore."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
