"""How a process stops: by Ctrl-C or SIGTERM, with the work that is then cancelled, and without a traceback.

asyncio is used as it is. A cancel scope of anyio would cancel every `await` of the clean-up too, and its task group
would wrap our errors. asyncio is imported in functions, because `tocsin --help` needs none of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Never, TypeVar, overload

if TYPE_CHECKING:
    import asyncio

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The second signal must not cut the clean-up short, which ends by itself. The third one does.
_PATIENT_SIGNALS = 2


@overload
async def unless(work: Awaitable[_T], *ends: Awaitable[Never]) -> _T: ...
@overload
async def unless(work: Awaitable[_T], *ends: Awaitable[object]) -> _T | None: ...
async def unless(work: Awaitable[_T], *ends: Awaitable[object]) -> _T | None:
    """Return what `work` returns, or None if one of `ends` returns first. The others are cancelled and have cleaned up.

    Raises:
        Exception: what the first of them raises.
    """
    import asyncio

    working = asyncio.ensure_future(work)
    tasks: list[asyncio.Future[Any]] = [working, *map(asyncio.ensure_future, ends)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        for task in tasks:
            if task.done():
                task.result()
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Stop:
    """The request to stop this process: the first Ctrl-C or SIGTERM. The third ends the process at once.

    Signals that the parent process has set to be ignored stay ignored.
    """

    def __init__(self) -> None:
        import asyncio

        self.signal: int | None = None  # the first that came
        self._is_asked = asyncio.Event()
        self._num_signals = 0

    @classmethod
    def on_signal(cls) -> Stop:
        """Return the request that a signal makes from now on; the event loop must run."""
        import asyncio

        stop = cls()
        for number in _heeded_signals():
            asyncio.get_running_loop().add_signal_handler(number, stop._note, number)
        return stop

    async def wait(self) -> None:
        """Return once the process is asked to stop."""
        await self._is_asked.wait()

    def _note(self, number: int) -> None:
        self._num_signals += 1
        if (
            self._num_signals > _PATIENT_SIGNALS
        ):  # what is not cleaned up is lost; children end with their parent
            os._exit(128 + number)
        if self.signal is None:
            self.signal = number
            self._is_asked.set()


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns; a signal cancels it and, after its clean-up, ends the process with status 128 + N."""
    import asyncio

    try:
        return asyncio.run(_unless_signalled(work))
    finally:
        end_at_once_on_signal()  # the loop has put Python's own handlers back


def end_at_once_on_signal(*, status: int | None = None) -> None:
    """Let a signal end the process at once, for as long as it has begun nothing.

    An exception would not do: raised while a module loads, it may be swallowed, or shown as a failure of the module.

    Args:
        status: the exit status; None: 128 + N, which shells expect of a process that signal N has ended.
    """
    for number in _heeded_signals():
        signal.signal(number, lambda number, _: os._exit(128 + number if status is None else status))


async def _unless_signalled(work: Coroutine[Any, Any, _T]) -> _T:
    stop = Stop.on_signal()
    try:
        return await unless(work, _cancel_after(stop))
    finally:
        if stop.signal is not None:  # the result or failure of work that is stopped does not matter
            _end_process(128 + stop.signal)


async def _cancel_after(stop: Stop) -> Never:
    import asyncio

    await stop.wait()
    raise asyncio.CancelledError


def _end_process(status: int) -> None:
    """End the process without waiting for its threads, which may be loading a network."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader of a pipe has gone
            continue
    os._exit(status)


def _heeded_signals() -> list[signal.Signals]:
    """Return the signals that the parent process has not set to be ignored."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
