"""The client through which the pipeline asks the LLM for samples and choices.

It waits out outages itself, and raises only if the server refuses a prompt or is away for longer than the options
allow. `pipeline.llm.examination` finds out what the server supports; `pipeline.llm.retry` asks and waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import Context
from dataclasses import replace

from models.prompts.prompt import ChatMessage, Verdict
from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.answers import Answer, Choice, Sample, after_thinking, to_choice, to_sample, truth_of
from pipeline.llm.examination import Examination, explain_refusal
from pipeline.llm.gate import LlmGate, is_passing
from pipeline.llm.grammar import number_grammar, one_of
from pipeline.llm.http import LlmBusyError, LlmFailsError, LlmHttp, LlmRequest, RequestKind
from pipeline.llm.options import LlmOptions
from pipeline.llm.question import (
    NUM_ALTERNATIVES,
    VERDICT_ALTERNATIVES,
    LlmAbilities,
    Question,
    Wording,
)
from pipeline.llm.refusal import RequestRefusedError
from pipeline.llm.retry import RetryingLlm

logger = logging.getLogger(__name__)

# DeepSeek recommends this for R1. At temperature 0 the thinking repeats itself without end.
_THINK_TEMPERATURE = 0.6
# A server that supports less than it might is examined again after this time.
_EXAMINE_AGAIN_SECONDS = 600.0
# After an outage this long another server may answer, behind a gateway that only reported failures.
_LONG_OUTAGE_SECONDS = 10.0


def _ignore(_: object) -> None:
    pass


class LlmClient:
    """A client of one OpenAI-compatible server, made by `connect`.

    Args:
        http: sends the requests; `close` closes it.
        abilities: what the server can do, as just examined.
        on_state: see `connect`.
    """

    def __init__(
        self, http: LlmHttp, options: LlmOptions, abilities: LlmAbilities, on_state: Callable[[str], None]
    ) -> None:
        self._http = http
        self._options = options
        self._abilities = abilities
        backoff = options.limits.max_backoff_seconds
        self._gate = LlmGate(http.server, self._recover, on_state=on_state, max_backoff_seconds=backoff)
        self._retrying = RetryingLlm(http.server, self._send, gate=self._gate, options=options)
        self._is_less = False  # whether the server has lost grammars, log-probabilities or lists of prompts
        self._examined_at = time.monotonic()
        self._examining: asyncio.Task[None] | None = None  # in the background, while questions are asked

    @classmethod
    async def connect(
        cls,
        options: LlmOptions,
        *,
        on_request: Callable[[LlmRequest], None] = _ignore,
        on_state: Callable[[str], None] = _ignore,
    ) -> LlmClient:
        """Examine the server and return a client of it; one attempt.

        Args:
            on_request: called with every request that has ended, well or not.
            on_state: called with the reason why the server cannot be used, and with "" when it can be used again.

        Raises:
            LlmUnavailableError: the server cannot be reached, refuses the key, or lists no model yet.
            LlmUnfitError: it refuses a harmless question, or has no answer to one.
            LlmUnusableError: it lists models, but not the one that the options name.
        """
        http = LlmHttp(options, on_request)
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(http.close)
            abilities = await Examination(http, options).find_abilities()
            on_failure.pop_all()
        _log_abilities(http.server, abilities, None)
        return cls(http, options, abilities, on_state)

    @property
    def model(self) -> str:
        """The name of the model, as the server gives it."""
        return self._abilities.model

    @property
    def dialect(self) -> str:
        """How the server takes a grammar: `llama_cpp`, `vllm`, or `free` if it takes none."""
        return self._abilities.dialect.name

    @property
    def template(self) -> str:
        """The name of our chat template, or `server` if the server renders chats."""
        template = self._abilities.template
        return template.name if template else "server"

    async def close(self) -> None:
        """End the tasks in the background and close the connections."""
        await self._gate.close()
        if self._examining is not None:
            self._examining.cancel()
            await asyncio.gather(self._examining, return_exceptions=True)
        await self._http.close()

    async def sample(
        self,
        messages: Sequence[ChatMessage],
        *,
        num_samples: int,
        temperature: float,
        max_tokens: int,
        seed: int,
        grammar: str | None = None,
        verdict: Verdict | None = None,
    ) -> list[Sample]:
        """Return `num_samples` answers, from as few requests as the server's largest `n` allows.

        The grammar is sent only to a server that is known to obey one. Check the answers in any case.

        Args:
            verdict: the words of which each answer has one on its second line; None: the prompt asks for none.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: the server has been away for `give_up_seconds`.
        """
        demands = self._options.demands
        if num_samples > demands.num_samples:  # the next examination asks for as many
            self._options = replace(self._options, demands=replace(demands, num_samples=num_samples))
        number = VERDICT_ALTERNATIVES if verdict else 1
        whole = Question("sample", messages, max_tokens, temperature, seed, num_samples, grammar, number)
        answers: list[Answer] = []
        while len(answers) < num_samples:
            num_wanted = num_samples - len(answers)
            part = replace(whole, num_samples=num_wanted, seed=seed + len(answers))
            answers += (await self._ask(part))[:num_wanted]
        return [to_sample(answer, verdict) for answer in answers]

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        """Return which option (from 1) the LLM names, and how probable each is if the server says so.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: the server has been away for `give_up_seconds`.
        """
        question = Question(
            "select",
            messages,
            max_tokens,
            temperature=0.0,
            seed=seed,
            grammar=number_grammar(num_options),
            num_alternatives=NUM_ALTERNATIVES,
        )
        if self._options.think_tokens and self._abilities.can_think_first:
            question = replace(question, thought=await self._think(messages, seed))
        answers = await self._ask(question)
        return to_choice(answers[0], num_options)

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, *, max_tokens: int, seed: int
    ) -> list[float | None]:
        """Return for each of one or more chats the probability that the LLM answers "true"; None if it says neither.

        Raises:
            LlmRefusedError: the server refuses one of these prompts.
            LlmUnavailableError: the server has been away for `give_up_seconds`.
        """
        first, *more = chats
        question = Question(
            "judge",
            first,
            max_tokens,
            temperature=0.0,
            seed=seed,
            grammar="root ::= " + one_of((verdict.is_true, verdict.is_false)),
            num_alternatives=NUM_ALTERNATIVES,
            more=tuple(more),
        )
        answers = (await self._ask(question))[: len(chats)]  # a server may answer one prompt more than once
        return [truth_of(answer, after_thinking(answer.text), verdict) for answer in answers]

    async def _think(self, messages: Sequence[ChatMessage], seed: int) -> str:
        """Return what the model thought, cut off at `think_tokens`."""
        question = Question("think", messages, self._options.think_tokens, _THINK_TEMPERATURE, seed)
        [thought, *_] = await self._ask(question)
        return thought.text

    async def _ask(self, question: Question) -> list[Answer]:
        self._examine_again_if_due()
        return await self._retrying.ask(question)

    async def _send(self, kind: RequestKind, question: Question) -> list[Answer]:
        # Each attempt makes its bodies anew, because another server may answer by then.
        abilities = self._abilities
        requests = [self._http.complete(kind, abilities.body(part)) for part in abilities.parts(question)]
        if len(requests) == 1 and not question.more:
            return await requests[0]
        # All end before the first error is raised, so that none goes on unseen.
        found = await asyncio.gather(*requests, return_exceptions=True)
        answers: list[Answer] = []
        for part in found:
            if isinstance(part, BaseException):
                raise part
            answers += part if len(requests) == 1 else part[:1]
        if len(answers) != len(question.chats):
            raise LlmFailsError(
                f"{self._http.server} gives {len(answers)} answers to {len(question.chats)} prompts"
            )
        return answers

    async def examine(self) -> None:
        """Find out anew what the server can do; one attempt. Raises as `connect` does."""
        found = await Examination(self._http, self._options).find_abilities()
        known, self._abilities = self._abilities, found
        self._examined_at = time.monotonic()
        _log_abilities(self._http.server, found, known)
        if found.is_less_than(known):
            self._is_less = True
        if known.is_less_than(found):
            self._is_less = False

    async def _recover(self, error: Exception) -> None:
        """Ask the server whether it can be used again after this error; raises why not."""
        is_long = self._gate.seconds >= _LONG_OUTAGE_SECONDS
        if isinstance(error, LlmBusyError):  # it may limit tokens, so ask for few
            await self._ask_little()
            if is_long:
                # The examination asks for many tokens. A server that is too busy for it alone has not been replaced.
                with suppress(LlmBusyError):
                    await self.examine()
        elif is_passing(error) and not is_long:
            [sample, *_] = self._options.demands.questions(is_long=True)
            await self._retrying.ask_twin(replace(sample, num_samples=1))
            if isinstance(error, LlmFailsError):
                await self._try_list()
        else:  # the server may have come back with another model or other settings
            await self.examine()

    async def _try_list(self) -> None:
        """Ask for verdicts one by one from now on if the server, although it answers, fails on a list of prompts."""
        known = self._abilities
        if known.takes_lists and not await Examination(self._http, self._options).takes_lists(known):
            self._abilities = replace(self._abilities, takes_lists=False)
            self._is_less = True
            _log_abilities(self._http.server, self._abilities, known)

    async def _ask_little(self) -> None:
        [sample, *_] = self._options.demands.questions(is_long=False)
        try:
            await self._send("canary", replace(sample, num_samples=1))
        except RequestRefusedError as error:
            raise LlmUnfitError(explain_refusal(self._http.server, error.refusal)) from error

    def _examine_again_if_due(self) -> None:
        is_due = time.monotonic() - self._examined_at >= _EXAMINE_AGAIN_SECONDS
        if is_due and (self._abilities.wording.is_limited or self._is_less) and self._gate.seconds == 0:
            self._examined_at = time.monotonic()
            # In an empty context: callers count a post's requests by a context variable, and these belong to no post.
            self._examining = asyncio.get_running_loop().create_task(self._examine_again(), context=Context())

    async def _examine_again(self) -> None:
        try:
            await self.examine()
        except (LlmUnavailableError, LlmUnusableError) as error:  # the next post finds out
            logger.debug("%s; asked as before", error)


def _log_abilities(server: str, found: LlmAbilities, known: LlmAbilities | None) -> None:
    """Log what is new in `found`."""
    if known is None or found.describe() != known.describe():
        logger.info("%s: using %s", server, found.describe())
    wording = found.wording
    if wording == (known.wording if known else Wording()):
        return
    if wording.is_limited:
        logger.warning("%s does not take every field of our requests: %s", server, wording.describe())
    else:
        logger.info("%s now takes every field of our requests", server)
