"""A request to the LLM server that waits out whatever is no fault of its own.

A server that is away, busy, failing or talking nonsense is waited for, with back-off and for ever (the caller
cancels), or for as long as the settings say: no post is lost to an outage. A prompt that the server refuses while it
takes others is `LlmRefusedError`. `pipeline.llm_http` sends the single request.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from pipeline.blame import Blame, Failure
from pipeline.completion import Answer
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm_http import LlmBusyError, LlmHttp, LlmLostError, LlmTimeoutError, RequestKind
from pipeline.outage import Outage, backoff_seconds


class PatientLlm:
    """Sends each request until it is answered or refused.

    Args:
        http: sends it once.
        harmless_body: returns a request that no server refuses: the canary.
        max_attempts: failures, while the server answers the canary, that make a request refused; see `blame`.
        max_backoff_seconds: longest wait between two attempts.
        give_up_seconds: an outage that lasts longer than this is the caller's to deal with.
    """

    def __init__(
        self,
        http: LlmHttp,
        harmless_body: Callable[[], dict[str, Any]],
        *,
        max_attempts: int,
        max_backoff_seconds: float,
        give_up_seconds: float,
    ) -> None:
        self._http = http
        self._harmless_body = harmless_body
        self._max_attempts = max_attempts
        self._max_backoff_seconds = max_backoff_seconds
        self._give_up_seconds = give_up_seconds
        self._suspects = asyncio.Lock()
        self._outage = Outage(http.server)

    async def ask(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
        """Return the answers, waiting for the server as long as it takes.

        Raises:
            LlmRefusedError: at once or, if the server fails on this and answers others, after `max_attempts`.
            LlmUnavailableError: the server has been away for `give_up_seconds`.
        """
        blame = Blame(self._suspects, max_blame=self._max_attempts)
        for attempt in itertools.count():
            try:
                return await self._try(kind, body, blame)
            except LlmUnavailableError as error:
                if blame.is_proven:
                    raise LlmRefusedError(f"{error}; {blame.num_failures} times, and others go") from error
                if self._outage.seconds >= self._give_up_seconds:
                    raise
            await asyncio.sleep(backoff_seconds(attempt, max_seconds=self._max_backoff_seconds))
        raise AssertionError("the loop above has no other end")

    async def ask_once(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
        """Return the answers to a single attempt; raises as `LlmHttp.complete` does."""
        answers = await self._http.complete(kind, body)
        self._outage.end()
        return answers

    async def _try(self, kind: RequestKind, body: dict[str, Any], blame: Blame) -> list[Answer]:
        """Make one attempt, and note what its failure says of the prompt."""
        async with blame.trial():
            if blame.needs_proof and not await self._answers_canary():
                silence = LlmUnavailableError(f"{self._http.server} does not answer")
                self._outage.begin(silence)
                raise silence
            try:
                return await self.ask_once(kind, body)
            except LlmUnavailableError as error:
                is_outage = await self._is_outage(error)
                blame.note(_failure(error), is_server_well=not is_outage)
                if is_outage:
                    self._outage.begin(error)
                raise

    async def _is_outage(self, error: LlmUnavailableError) -> bool:
        """Whether the failure has nothing to do with the prompt: the server says so, or fails on another too."""
        return isinstance(error, LlmBusyError) or not await self._answers_canary()

    async def _answers_canary(self) -> bool:
        try:
            await self.ask_once("canary", self._harmless_body())
        except (LlmUnavailableError, LlmRefusedError):
            return False
        return True


def _failure(error: LlmUnavailableError) -> Failure:
    match error:
        case LlmTimeoutError():
            return Failure.TIMEOUT
        case LlmLostError():
            return Failure.LOST
    return Failure.ANSWER
