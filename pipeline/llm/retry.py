"""A question to the LLM server that waits out whatever is no fault of its own.

A server that is away, busy, failing or talking nonsense is waited for, with back-off and for ever (the caller
cancels), or for as long as the settings say: no post is lost to an outage. So is one that refuses, or answers with
thinking alone, what no server should: `Demands.twin` of the question. A prompt that the server refuses while it
takes the twin is `LlmRefusedError`. `pipeline.llm.http` sends the single request.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pipeline.errors import LlmRefusedError, LlmUnavailableError, LlmUnfitError
from pipeline.llm.answers import is_thinking_alone
from pipeline.llm.blame import MAX_BLAME, Blame, Failure
from pipeline.llm.completion import Answer
from pipeline.llm.examination import refuses_harmless, thinks_alone
from pipeline.llm.gate import LlmGate
from pipeline.llm.http import LlmBusyError, LlmLostError, LlmTimeoutError, RequestKind
from pipeline.llm.question import Question
from pipeline.llm.refusal import LlmSaidNoError
from pipeline.outage import backoff_seconds

logger = logging.getLogger(__name__)

# Sends a question once, as a request of the kind.
Send = Callable[[RequestKind, Question], Awaitable[list[Answer]]]

# At most one line in this time of a model that thinks too long about some posts.
_THINKING_TOLD_SECONDS = 600.0
# For so long after it refused a harmless question a server's refusals count less.
_DOUBT_SECONDS = 600.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to try."""

    max_attempts: int = (
        MAX_BLAME  # failures, while the server answers the twin, that refuse a question; see `blame`
    )
    max_backoff_seconds: float = 5.0  # longest wait between two attempts
    give_up_seconds: float = float("inf")  # an outage that lasts longer is the caller's to deal with


class PatientLlm:
    """Asks each question until it is answered or refused.

    Args:
        server: how messages call it.
        send: asks once.
        twin: returns a harmless question with the same fields.
        gate: is shut while the server fails on everybody.
    """

    def __init__(
        self, server: str, send: Send, twin: Callable[[Question], Question], gate: LlmGate, patience: Patience
    ) -> None:
        self._server = server
        self._send = send
        self._twin = twin
        self._gate = gate
        self._patience = patience
        self._suspects = asyncio.Lock()
        self._thinking_told = float("-inf")
        self._unfit_at = float("-inf")  # when the server last refused a harmless question

    async def ask(self, question: Question) -> list[Answer]:
        """Return the answers, waiting for the server as long as it takes.

        Raises:
            LlmRefusedError: the server refuses this, or fails on it, again and again, and answers others; see `blame`.
            LlmUnavailableError: the server has been away, or unfit, for `give_up_seconds`.
        """
        blame = Blame(self._suspects, max_blame=self._patience.max_attempts)
        for attempt in itertools.count():
            await self._gate.wait(self._patience.give_up_seconds)
            try:
                return await self._try(question, blame)
            except LlmRefusedError:
                if blame.is_proven:
                    raise
                await asyncio.sleep(backoff_seconds(0, max_seconds=self._patience.max_backoff_seconds))
                continue
            except LlmUnavailableError as error:
                if blame.is_proven:
                    raise LlmRefusedError(f"{error}; {blame.num_failures} times, and others go") from error
                if self._gate.seconds >= self._patience.give_up_seconds:
                    raise
            await asyncio.sleep(backoff_seconds(attempt, max_seconds=self._patience.max_backoff_seconds))
        raise AssertionError("the loop above has no other end")

    async def ask_twin(self, question: Question) -> None:
        """Ask the harmless twin, once.

        Raises:
            LlmUnfitError: the server refuses it, or answers with thinking alone.
            LlmUnavailableError: it fails.
        """
        twin = self._twin(question)
        try:
            answers = await self._send("canary", twin)
        except LlmSaidNoError as error:
            raise LlmUnfitError(refuses_harmless(self._server, error.refusal)) from error
        if question.purpose != "think" and is_thinking_alone(answers):
            raise LlmUnfitError(thinks_alone(self._server, twin.max_tokens))

    async def _try(self, question: Question, blame: Blame) -> list[Answer]:
        """Make one attempt, and note what its failure says of the prompt."""
        async with blame.trial():
            if blame.needs_proof:
                await self._must_answer_twin(question)
            try:
                answers = await self._send(question.purpose, question)
            except LlmRefusedError:
                await self._must_answer_twin(question)
                doubted = time.monotonic() - self._unfit_at < _DOUBT_SECONDS
                blame.note(Failure.REFUSED, is_server_well=True, is_server_doubted=doubted)
                raise
            except LlmUnavailableError as error:
                is_outage = await self._is_outage(error, question)
                blame.note(_failure(error), is_server_well=not is_outage)
                raise
        if question.purpose != "think" and is_thinking_alone(answers):
            await self._must_answer_twin(question)
            self._tell_thinking(question)
        self._gate.answered(is_post=True)
        return answers

    def _tell_thinking(self, question: Question) -> None:
        """Log that there is no answer about a post, though there would be one about another."""
        now = time.monotonic()
        if now - self._thinking_told >= _THINKING_TOLD_SECONDS:
            self._thinking_told = now
            logger.warning("about some posts %s", thinks_alone(self._server, question.max_tokens))

    async def _must_answer_twin(self, question: Question) -> None:
        """Shut the gate where the server does not answer the twin; raises why."""
        try:
            await self.ask_twin(question)
        except LlmUnavailableError as error:
            if isinstance(error, LlmUnfitError):
                self._unfit_at = time.monotonic()
            self._gate.shut(error)
            raise
        self._gate.answered(is_post=False)

    async def _is_outage(self, error: LlmUnavailableError, question: Question) -> bool:
        """Whether the failure has nothing to do with the prompt: the server says so, or fails on another too."""
        if isinstance(error, LlmBusyError):
            self._gate.shut(error)
            return True
        try:
            await self._must_answer_twin(question)
        except LlmUnavailableError:
            return True
        return False


def _failure(error: LlmUnavailableError) -> Failure:
    match error:
        case LlmTimeoutError():
            return Failure.TIMEOUT
        case LlmLostError():
            return Failure.LOST
    return Failure.ANSWER
