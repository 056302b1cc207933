"""The LLM server, as the rest of the pipeline sees it: samples, choices, and no failure but a refused prompt.

A server that is away, busy, failing or talking nonsense is waited for, with back-off and for ever (the caller
cancels), or for as long as the settings say: no post is lost to an outage. A prompt that the server refuses while it
takes others is `LlmRefusedError`.
`pipeline.llm_http` sends the single request.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.answers import Choice, Sample, to_choice, to_sample
from pipeline.blame import MAX_BLAME, Blame, Failure
from pipeline.chat_template import THINK_END, ChatTemplate, choose_template
from pipeline.completion import Answer
from pipeline.constraint import FREE, LLAMA_CPP, PROBE_GRAMMAR, PROBE_WORD, VLLM, Dialect, number_grammar
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm_http import (
    LlmBusyError,
    LlmHttp,
    LlmLostError,
    LlmRequest,
    LlmTimeoutError,
    RequestKind,
)
from pipeline.outage import Outage, backoff_seconds
from pipeline.prompts import ChatMessage

__all__ = ["AskingStyle", "LlmClient", "LlmRequest"]

logger = logging.getLogger(__name__)

# A prompt that no server refuses: tells whether it is the server that fails, or one post.
_CANARY: list[ChatMessage] = [{"role": "user", "content": "Say hello."}]

# As DeepSeek recommends for R1; greedy thinking repeats itself for ever.
_THINK_TEMPERATURE = 0.6
# Alternatives of a token to ask for: above the options of a choice, for a word may be spelled by two tokens.
_NUM_ALTERNATIVES = 20


@dataclass(frozen=True)
class AskingStyle:
    """How the server is asked, where that is not left to what it can do."""

    constraint: Literal["auto", "none"] = "auto"  # auto: what the server proves to obey
    template: str = "auto"  # of the chat; see `choose_template`
    think_tokens: int = 0  # that a reasoning model may think before it chooses; 0: none


class LlmClient:
    """A client of one OpenAI-compatible server; call `connect` before all else.

    Args:
        url: base URL, with `/v1`.
        model: model to ask for; None takes the first that the server lists.
        timeout_seconds: limit for one request.
        max_requests: requests in flight at most.
        on_request: is told of every request that has ended, well or not.
        style: how to ask.
        max_attempts: failures, while the server answers another prompt, that make a request refused; see `blame`.
        max_backoff_seconds: longest wait between two attempts.
        give_up_seconds: an outage that lasts longer than this is the caller's to deal with; None: never.
    """

    def __init__(
        self,
        *,
        url: str,
        model: str | None,
        api_key: str | None,
        timeout_seconds: float,
        max_requests: int,
        on_request: Callable[[LlmRequest], None] | None = None,
        style: AskingStyle | None = None,
        max_attempts: int = MAX_BLAME,
        max_backoff_seconds: float = 5.0,
        give_up_seconds: float | None = None,
    ) -> None:
        self._model = model
        self._http = LlmHttp(
            url=url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            max_requests=max_requests,
            on_request=on_request or (lambda request: None),
        )
        self._max_attempts = max_attempts
        self._max_backoff_seconds = max_backoff_seconds
        self._give_up_seconds = float("inf") if give_up_seconds is None else give_up_seconds
        self._suspects = asyncio.Lock()
        self._max_n = 1 << 16  # samples in a request; lowered when the server takes no more
        self._outage = Outage(self._http.server)
        self._style = style or AskingStyle()
        self._dialect = FREE
        self._template: ChatTemplate | None = None  # None: the server renders chats
        self._has_log_probabilities = False

    @property
    def model(self) -> str:
        """The name of the model, as the server gives it."""
        if self._model is None:
            raise RuntimeError("LlmClient.connect() comes first")
        return self._model

    @property
    def dialect(self) -> str:
        """How the server takes a grammar: `llama_cpp`, `vllm`, or `free` where it takes none."""
        return self._dialect.name

    @property
    def template(self) -> str:
        """Who renders chats: a template of ours by its name, or `server`."""
        return self._template.name if self._template else "server"

    async def connect(self) -> None:
        """Resolve the model's name and find out what the server can do; one attempt.

        Raises:
            LlmUnavailableError: the server cannot be reached, refuses the key, or lacks the model.
        """
        names = await self._http.list_models()
        wanted = self._model or (names[0] if names else None)
        if wanted not in names:
            asked = f"no model {wanted!r}" if wanted else "no model at all"
            raise LlmUnavailableError(
                f"{self._http.server} has {asked}; it lists {', '.join(names[:10]) or 'none'}"
            )
        self._model = wanted
        self._template = choose_template(self._style.template, self.model)
        self._dialect = FREE if self._style.constraint == "none" else await self._find_dialect()
        self._has_log_probabilities = await self._gives_log_probabilities()

    async def close(self) -> None:
        """Close the connections."""
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
    ) -> list[Sample]:
        """Return `num_samples` answers.

        One request, or as few as the server's largest `n` allows. The grammar goes along where the server is known
        to obey one: judge the answers all the same.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: it has been away for `give_up_seconds`.
        """
        answers: list[Answer] = []
        while len(answers) < num_samples:
            num_wanted = min(num_samples - len(answers), self._max_n)
            body = self._body(messages, max_tokens, grammar) | self._log_probabilities(1)
            body |= {"n": num_wanted, "temperature": temperature, "seed": seed + len(answers)}
            try:
                answers += (await self._ask("sample", body))[:num_wanted]
            except LlmRefusedError:
                if num_wanted == 1 or await self._takes(num_wanted):
                    raise
                self._lower_max_n(num_wanted // 2)
        return [to_sample(answer) for answer in answers]

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        """Return which option the LLM names (from 1), and how probable it finds each where the server says so.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: it has been away for `give_up_seconds`.
        """
        body = self._body(messages, max_tokens, number_grammar(num_options))
        if self._template and self._template.think and self._style.think_tokens:
            body["prompt"] = await self._think(self._template, messages, seed)
        body |= {"temperature": 0.0, "seed": seed} | self._log_probabilities(_NUM_ALTERNATIVES)
        answers = await self._ask("select", body)
        return to_choice(answers[0], num_options)

    async def _think(self, template: ChatTemplate, messages: Sequence[ChatMessage], seed: int) -> str:
        """Return the prompt that ends with what the model thought, cut at `think_tokens`."""
        prompt = template.render_thinking(messages)
        body = self._body(messages, self._style.think_tokens)
        body |= {"prompt": prompt, "temperature": _THINK_TEMPERATURE, "seed": seed, "stop": [THINK_END]}
        [thought, *_] = await self._ask("think", body)
        return prompt + template.close(thought.text)

    async def _ask(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
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

    async def _try(self, kind: RequestKind, body: dict[str, Any], blame: Blame) -> list[Answer]:
        """Make one attempt, and note what its failure says of the prompt."""
        async with blame.trial():
            if blame.needs_proof and not await self._answers_canary():
                silence = LlmUnavailableError(f"{self._http.server} does not answer")
                self._outage.begin(silence)
                raise silence
            try:
                return await self._complete(kind, body)
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
            await self._complete("canary", self._body(_CANARY, 1))
        except (LlmUnavailableError, LlmRefusedError):
            return False
        return True

    async def _takes(self, num_samples: int) -> bool:
        """Whether the server takes that `n` with a harmless prompt."""
        try:
            await self._ask("canary", self._body(_CANARY, 1) | {"n": num_samples})
        except LlmRefusedError:
            return False
        return True

    def _lower_max_n(self, max_n: int) -> None:
        if max_n < self._max_n:
            self._max_n = max_n
            logger.warning(
                "%s refuses more samples in a request; asking for %d at a time", self._http.server, max_n
            )

    async def _find_dialect(self) -> Dialect:
        for dialect in (LLAMA_CPP, VLLM):
            body = self._body(_CANARY, 16) | {"temperature": 0.0} | dialect.fields(PROBE_GRAMMAR)
            # A server that knows neither field may refuse it.
            with suppress(LlmRefusedError):
                answers = await self._complete("probe", body)
                if [answer.text.strip() for answer in answers] == [PROBE_WORD]:
                    return dialect
        return FREE

    async def _gives_log_probabilities(self) -> bool:
        self._has_log_probabilities = True  # to ask for them
        with suppress(LlmRefusedError):
            body = self._body(_CANARY, 1) | self._log_probabilities(_NUM_ALTERNATIVES)
            answers = await self._complete("probe", body)
            return bool(answers[0].first_token)
        return False

    def _body(
        self, messages: Sequence[ChatMessage], max_tokens: int, grammar: str | None = None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "max_tokens": max_tokens}
        if self._template:
            body["prompt"] = self._template.render(messages)
        else:
            body["messages"] = messages
        return body | (self._dialect.fields(grammar) if grammar else {})

    def _log_probabilities(self, num_alternatives: int) -> dict[str, Any]:
        if not self._has_log_probabilities:
            return {}
        if self._template:
            return {"logprobs": num_alternatives}
        return {"logprobs": True, "top_logprobs": num_alternatives}

    async def _complete(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
        answers = await self._http.complete(kind, body)
        self._outage.end()
        return answers


def _failure(error: LlmUnavailableError) -> Failure:
    match error:
        case LlmTimeoutError():
            return Failure.TIMEOUT
        case LlmLostError():
            return Failure.LOST
    return Failure.ANSWER
