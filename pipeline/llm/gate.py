"""The door before an LLM server: open while it can be used, shut while it is away, failing or unfit.

While it is shut nobody asks about a post. One task asks harmlessly, with back-off, until the server will do: so a
recovery is noticed with no post in hand, and a server that comes back is not met by all posts at once. A loss is
noticed by the next post: an agent without posts asks nothing, for requests may cost money.
"""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path

from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.http import LlmBusyError, LlmFailsError, LlmTimeoutError
from pipeline.outage import Outage, backoff_seconds

# An outage that is over sooner is told to nobody: one answer in twenty may fail, and the next is well.
_TELL_SECONDS = 2.0
# Shut so often without an answer about a post in between, harmless answers prove nothing: an answer about a post does,
# or that the gate stays open for so long.
_MAX_RELAPSES = 3
_PROOF_SECONDS = 60.0
# The server is there: whatever answers is the one that was examined.
_PASSING = (LlmBusyError, LlmFailsError, LlmTimeoutError)

# Finds out whether the server can be used again after that error; raises why not.
Recover = Callable[[Exception], Awaitable[None]]


def is_passing(error: Exception) -> bool:
    """Whether the server that comes back after this error is, for all we know, the same as before."""
    return isinstance(error, _PASSING)


class LlmGate:
    """Who may ask the server now, and who is told when that changes.

    Args:
        server: how the log calls it.
        recover: see `Recover`.
        on_state: is told why the server cannot be used, and "" once it can; from the event loop.
        max_backoff_seconds: longest wait between two attempts to recover.
    """

    def __init__(
        self, server: str, recover: Recover, *, on_state: Callable[[str], None], max_backoff_seconds: float
    ) -> None:
        self._server = server
        self._recover = recover
        self._on_state = on_state
        self._max_backoff_seconds = max_backoff_seconds
        self._outage = Outage(server)
        self._open = asyncio.Event()
        self._open.set()
        self._error: Exception = LlmUnavailableError("none")  # what to recover from
        self._reason = ""  # why the gate is shut, as the last attempt found
        self._recovering: asyncio.Task[None] | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._is_told = False
        self._num_relapses = 0  # since the last answer about a post

    @property
    def seconds(self) -> float:
        """How long the gate has been shut, 0 where it is open."""
        return self._outage.seconds

    async def wait(self, give_up_seconds: float) -> None:
        """Return once the gate is open.

        Raises:
            LlmUnavailableError: it has been shut for so long.
        """
        if self._open.is_set():
            return
        left = max(give_up_seconds - self.seconds, 0.0)
        try:
            await asyncio.wait_for(self._open.wait(), None if left == float("inf") else left)
        except TimeoutError:
            raise LlmUnavailableError(self._reason) from None

    def shut(self, error: LlmUnavailableError) -> None:
        """Note that the server failed, whoever asked."""
        is_unfit = isinstance(error, LlmUnfitError)
        if self._open.is_set():
            self._num_relapses += 1
        elif is_unfit:
            return
        self._note(error)
        # Asked otherwise it may do: told when that failed as well, or did not help.
        if not is_unfit or self._num_relapses > _MAX_RELAPSES:
            self._outage.tell(error)

    def answered(self, *, is_post: bool) -> None:
        """Note that the server answered somebody, which ends an outage that mends itself."""
        if is_post:
            self._num_relapses = 0
        if not self._open.is_set() and is_passing(self._error):
            self.open()
        elif self._open.is_set():
            self._tell_usable()

    def open(self) -> None:
        """Let everybody ask."""
        self._outage.end()
        self._open.set()
        for waiting in (self._telling, self._recovering):
            if waiting is not None and waiting is not asyncio.current_task():
                waiting.cancel()
        self._telling = self._recovering = None
        self._tell_usable()
        if self._is_told:
            self._telling = asyncio.get_running_loop().call_later(_PROOF_SECONDS, self._prove)

    def _prove(self) -> None:
        self._num_relapses = 0
        self._tell_usable()

    def _tell_usable(self) -> None:
        if self._is_told and self._num_relapses <= _MAX_RELAPSES:
            self._is_told = False
            self._on_state("")

    async def close(self) -> None:
        """End the task that asks."""
        if self._telling is not None:
            self._telling.cancel()
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)

    def _note(self, error: Exception) -> None:
        """Shut the gate for this reason."""
        # Who was gone stays gone: a server that starts is busy at first, and is perhaps another.
        if self._open.is_set() or is_passing(self._error) or not is_passing(error):
            self._error = error
        self._reason = str(error)
        self._outage.begin()
        self._open.clear()
        if self._is_told:
            self._on_state(self._reason)
        if self._recovering is None:
            loop = asyncio.get_running_loop()
            if self._telling is not None:
                self._telling.cancel()
            wait = _TELL_SECONDS if self._num_relapses <= _MAX_RELAPSES else 0.0
            self._telling = loop.call_later(wait, self._tell)
            # In a context of its own: what it costs is no post's.
            self._recovering = loop.create_task(self._until_usable(), context=Context())

    def _tell(self) -> None:
        self._is_told = True
        self._on_state(self._reason)

    async def _until_usable(self) -> None:
        for attempt in itertools.count(max(self._num_relapses - 1, 0)):
            await asyncio.sleep(backoff_seconds(attempt, max_seconds=self._max_backoff_seconds))
            try:
                await self._recover(self._error)
            except (LlmUnavailableError, LlmUnusableError) as error:
                self._still_shut(error)
            except Exception as error:  # a defect of ours; its text may be the server's, with a prompt in it
                self._still_shut(LlmUnavailableError(f"{self._server} cannot be examined: {_place(error)}"))
            else:
                self.open()
                return

    def _still_shut(self, error: Exception) -> None:
        self._note(error)
        self._outage.tell(error)


def _place(error: Exception) -> str:
    """Return what was raised and where, without its text."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
