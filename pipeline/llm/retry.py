"""Asks one question until it is answered, or until the prompt is at fault.

A server that is away, busy, failing or unfit is waited for, with back-off: without a limit (the caller may cancel), or
for as long as the limits allow. No post is lost to an outage. To find out whether the server or the prompt is at fault,
the twin of the question is asked (`Demands.twin`). If the server answers the twin and again and again refuses the
prompt or fails on it, `LlmRefusedError` is raised.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from pipeline.errors import LlmRefusedError, LlmUnavailableError, LlmUnfitError
from pipeline.llm.answers import Answer, is_thinking_alone
from pipeline.llm.blame import Blame
from pipeline.llm.examination import explain_refusal, explain_thinking
from pipeline.llm.gate import LlmGate
from pipeline.llm.http import LlmBusyError, RequestKind
from pipeline.llm.options import LlmOptions
from pipeline.llm.question import Question
from pipeline.llm.refusal import RequestRefusedError
from pipeline.outage import backoff_seconds, endless_retries

logger = logging.getLogger(__name__)

# Sends a question once, as a request of the kind.
Send = Callable[[RequestKind, Question], Awaitable[list[Answer]]]

# The log has a line about posts that the model thinks about too long no more often than this.
_THINKING_QUIET_SECONDS = 600.0
# For so long after the server refused a harmless question, its refusals count less.
_DOUBT_SECONDS = 600.0


class RetryingLlm:
    """Asks each question until it is answered or refused.

    Args:
        server: what messages call the server.
        send: asks once.
        gate: is shut while the server is at fault.
        options: limits of waiting, and what the twins are made of.
    """

    def __init__(self, server: str, send: Send, *, gate: LlmGate, options: LlmOptions) -> None:
        self._server = server
        self._send = send
        self._gate = gate
        self._demands = options.demands
        self._limits = options.limits
        self._retry = endless_retries(options.limits.max_backoff_seconds)
        self._suspects = asyncio.Lock()
        self._thinking_logged_at = float("-inf")
        self._unfit_at = float("-inf")  # when the server last refused a harmless question

    async def ask(self, question: Question) -> list[Answer]:
        """Return the answers, however long the server is away.

        Raises:
            LlmRefusedError: the server refuses the prompt or fails on it, again and again, and answers its twin.
            LlmUnavailableError: the server has been away, failing or unfit for `give_up_seconds`.
        """
        blame = Blame(self._suspects, max_blame=self._limits.max_failures)

        num_outages = 0

        def next_wait(error: Exception) -> bool | float:
            """Return after how many seconds to ask again; False: not at all."""
            nonlocal num_outages
            if blame.is_proven:
                return False
            if isinstance(error, LlmRefusedError):  # the server is well: the wait need not grow
                return backoff_seconds(0, max_seconds=self._limits.max_backoff_seconds)
            if (
                not isinstance(error, LlmUnavailableError)
                or self._gate.seconds >= self._limits.give_up_seconds
            ):
                return False
            num_outages += 1
            return backoff_seconds(num_outages - 1, max_seconds=self._limits.max_backoff_seconds)

        try:
            return await self._retry(next_wait, self._try, question, blame)
        except LlmUnavailableError as error:
            if not blame.is_proven:
                raise
            raise LlmRefusedError(
                f"{error} ({blame.num_failures} failures while the server answered other prompts)"
            ) from error

    async def ask_twin(self, question: Question) -> None:
        """Ask the harmless twin of the question, once.

        Raises:
            LlmUnfitError: the server refuses the twin, or answers with thinking alone.
            LlmUnavailableError: the server fails on it.
        """
        twin = self._demands.twin(question)
        try:
            answers = await self._send("canary", twin)
        except RequestRefusedError as error:
            raise LlmUnfitError(explain_refusal(self._server, error.refusal)) from error
        if question.purpose != "think" and is_thinking_alone(answers):
            raise LlmUnfitError(explain_thinking(self._server, twin.max_tokens))

    async def _try(self, question: Question, blame: Blame) -> list[Answer]:
        """Make one attempt once the gate is open; a failure is noted in `blame`."""
        await self._gate.wait(self._limits.give_up_seconds)
        async with blame.trial():
            if blame.needs_proof:
                await self._must_answer_twin(question)
            try:
                answers = await self._send(question.purpose, question)
            except LlmRefusedError as error:
                await self._must_answer_twin(question)
                is_doubted = time.monotonic() - self._unfit_at < _DOUBT_SECONDS
                blame.note(error, is_server_well=True, is_server_doubted=is_doubted)
                raise
            except LlmUnavailableError as error:
                is_outage = await self._is_outage(error, question)
                blame.note(error, is_server_well=not is_outage)
                raise
        if question.purpose != "think" and is_thinking_alone(answers):
            await self._must_answer_twin(question)
            self._log_thinking(question)
        self._gate.answered(is_post=True)
        return answers

    def _log_thinking(self, question: Question) -> None:
        """Log that this post has no answer although others have one."""
        now = time.monotonic()
        if now - self._thinking_logged_at >= _THINKING_QUIET_SECONDS:
            self._thinking_logged_at = now
            logger.warning("about some posts %s", explain_thinking(self._server, question.max_tokens))

    async def _must_answer_twin(self, question: Question) -> None:
        """Ask the twin. If the server does not answer it, shut the gate and raise the reason."""
        try:
            await self.ask_twin(question)
        except LlmUnavailableError as error:
            if isinstance(error, LlmUnfitError):
                self._unfit_at = time.monotonic()
            self._gate.shut(error)
            raise
        self._gate.answered(is_post=False)

    async def _is_outage(self, error: LlmUnavailableError, question: Question) -> bool:
        """Return whether the server is at fault: it says that it is busy, or it fails on the twin, too."""
        if isinstance(error, LlmBusyError):
            self._gate.shut(error)
            return True
        try:
            await self._must_answer_twin(question)
        except LlmUnavailableError:
            return True
        return False
