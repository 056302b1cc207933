"""The gate before an LLM server: open while the server can be used, shut while it is away, failing or unfit.

While the gate is shut, no question about a post is sent. One task asks harmless questions, with back-off, until the
server can be used. So a recovery is noticed even if no post waits, and a server that comes back does not get all posts
at once. An outage is noticed by the next post: an agent without posts asks nothing, because requests may cost money.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path

from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.http import LlmBusyError, LlmFailsError, LlmTimeoutError
from pipeline.outage import Outage, backoff_seconds

# A shorter outage is not reported: one answer in twenty may fail while the next succeeds.
_REPORT_SECONDS = 2.0
# If the gate was shut more often than this without an answer about a post in between, harmless answers no longer show
# that the server can be used. An answer about a post does, or a gate that stays open for this many seconds.
_MAX_RELAPSES = 3
_PROOF_SECONDS = 60.0
# After these errors the server is still there: what answers next is the server that was examined.
_PASSING = (LlmBusyError, LlmFailsError, LlmTimeoutError)

# Asks whether the server can be used again after the error that shut the gate. If not, it raises the reason.
Recover = Callable[[Exception], Awaitable[None]]


def is_passing(error: Exception) -> bool:
    """Whether the server that answers after this error is probably the same as before."""
    return isinstance(error, _PASSING)


class LlmGate:
    """Decides when questions about posts may be sent, and reports when that changes.

    Args:
        server: what the log calls the server.
        recover: see `Recover`.
        on_state: called from the event loop with the reason why the server cannot be used, and with "" when it can
            be used again.
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
        self._error: Exception = LlmUnavailableError("none")  # the error that shut the gate
        self._reason = ""  # why the gate is shut, by the last attempt
        self._recovering: asyncio.Task[None] | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._is_reported = False
        self._num_relapses = 0  # how many since the last answer about a post

    @property
    def seconds(self) -> float:
        """How long the gate has been shut; 0 while it is open."""
        return self._outage.seconds

    async def wait(self, give_up_seconds: float) -> None:
        """Return once the gate is open.

        Raises:
            LlmUnavailableError: it has been shut for `give_up_seconds`.
        """
        if self._open.is_set():
            return
        left = max(give_up_seconds - self.seconds, 0.0)
        try:
            await asyncio.wait_for(self._open.wait(), None if left == float("inf") else left)
        except TimeoutError:
            raise LlmUnavailableError(self._reason) from None

    def shut(self, error: LlmUnavailableError) -> None:
        """Note that the server failed on a question."""
        is_unfit = isinstance(error, LlmUnfitError)
        if self._open.is_set():
            self._num_relapses += 1
        elif is_unfit:
            return
        self._note(error)
        # A new examination may find a wording that the server takes. The log has the reason only if that fails, too.
        if not is_unfit or self._num_relapses > _MAX_RELAPSES:
            self._outage.report(error)

    def answered(self, *, is_post: bool) -> None:
        """Note that the server answered a question; that ends an outage after a passing error.

        Args:
            is_post: whether the question was about a post, not a harmless one.
        """
        if is_post:
            self._num_relapses = 0
        if not self._open.is_set() and is_passing(self._error):
            self.open()
        elif self._open.is_set():
            self._report_usable()

    def open(self) -> None:
        """Open the gate: all waiting questions are sent."""
        self._outage.end()
        self._open.set()
        for waiting in (self._report_timer, self._recovering):
            if waiting is not None and waiting is not asyncio.current_task():
                waiting.cancel()
        self._report_timer = self._recovering = None
        self._report_usable()
        if self._is_reported:
            self._report_timer = asyncio.get_running_loop().call_later(_PROOF_SECONDS, self._prove)

    def _prove(self) -> None:
        self._num_relapses = 0
        self._report_usable()

    def _report_usable(self) -> None:
        if self._is_reported and self._num_relapses <= _MAX_RELAPSES:
            self._is_reported = False
            self._on_state("")

    async def close(self) -> None:
        """End the task that asks harmless questions."""
        if self._report_timer is not None:
            self._report_timer.cancel()
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)

    def _note(self, error: Exception) -> None:
        """Shut the gate for this reason."""
        # The error of a server that was gone is kept: a server that starts is busy at first, and may be another one.
        if self._open.is_set() or is_passing(self._error) or not is_passing(error):
            self._error = error
        self._reason = str(error)
        self._outage.begin()
        self._open.clear()
        if self._is_reported:
            self._on_state(self._reason)
        if self._recovering is None:
            loop = asyncio.get_running_loop()
            if self._report_timer is not None:
                self._report_timer.cancel()
            wait = _REPORT_SECONDS if self._num_relapses <= _MAX_RELAPSES else 0.0
            self._report_timer = loop.call_later(wait, self._report)
            # In an empty context: callers count a post's requests by a context variable, and these belong to no post.
            self._recovering = loop.create_task(self._until_usable(), context=Context())

    def _report(self) -> None:
        self._is_reported = True
        self._on_state(self._reason)

    async def _until_usable(self) -> None:
        attempt = max(self._num_relapses - 1, 0)
        await self._pause(attempt)
        while not await self._is_usable():
            attempt += 1
            await self._pause(attempt)
        self.open()

    async def _pause(self, attempt: int) -> None:
        await asyncio.sleep(backoff_seconds(attempt, max_seconds=self._max_backoff_seconds))

    async def _is_usable(self) -> bool:
        try:
            await self._recover(self._error)
        except (LlmUnavailableError, LlmUnusableError) as error:
            self._stay_shut(error)
        except Exception as error:  # a defect of ours; its text may be the server's, with a prompt in it
            self._stay_shut(LlmUnavailableError(f"{self._server} cannot be examined: {_origin(error)}"))
        else:
            return True
        return False

    def _stay_shut(self, error: Exception) -> None:
        self._note(error)
        self._outage.report(error)


def _origin(error: Exception) -> str:
    """Return the type of the error and the line that raised it, without its text."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
