"""The LLM server, as the rest of the pipeline sees it: samples, choices, and no failure but a refused prompt
or an outage that the settings do not wait out.

`pipeline.llm.examination` finds out what it can be asked for, `pipeline.llm.retry` waits until it answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import replace

from models.prompts.prompt import ChatMessage
from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.abilities import NUM_ALTERNATIVES, AskingStyle, LlmAbilities
from pipeline.llm.answers import Choice, Sample, to_choice, to_sample
from pipeline.llm.completion import Answer
from pipeline.llm.examination import Examination, refuses_harmless
from pipeline.llm.gate import LlmGate, is_passing
from pipeline.llm.grammar import number_grammar
from pipeline.llm.http import LlmBusyError, LlmHttp, LlmRequest, RequestKind
from pipeline.llm.question import Demands, Question
from pipeline.llm.refusal import LlmSaidNoError
from pipeline.llm.retry import Patience, PatientLlm
from pipeline.llm.wording import Wording

logger = logging.getLogger(__name__)

# As DeepSeek recommends for R1; greedy thinking repeats itself for ever.
_THINK_TEMPERATURE = 0.6
# A server that takes less than all is asked again after this time whether it now takes more.
_EXAMINE_AGAIN_SECONDS = 600.0
# What answers again after so long may be another server, behind a gateway that only said that it failed.
_LONG_OUTAGE_SECONDS = 10.0


class LlmClient:
    """A client of one OpenAI-compatible server; call `connect` before all else.

    Args:
        url: base URL, with `/v1`.
        model: model to ask for; None takes the first that the server lists.
        timeout_seconds: limit for one request.
        max_requests: requests in flight at most.
        on_request: is told of every request that has ended, well or not.
        on_state: is told why the server cannot be used, and "" when it can again.
        style: how to ask.
        demands: what will be asked, for the harmless questions that find out whether the server will do.
        patience: how long to wait for it.
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
        on_state: Callable[[str], None] | None = None,
        style: AskingStyle | None = None,
        demands: Demands | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._model = model
        self._http = LlmHttp(
            url=url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            max_requests=max_requests,
            on_request=on_request or (lambda request: None),
        )
        self._style = style or AskingStyle()
        self._demands = demands or Demands()
        patience = patience or Patience()
        self._gate = LlmGate(
            self._http.server,
            self._recover,
            on_state=on_state or (lambda reason: None),
            max_backoff_seconds=patience.max_backoff_seconds,
        )
        self._patient = PatientLlm(
            self._http.server, self._send, lambda question: self._demands.twin(question), self._gate, patience
        )
        self._abilities: LlmAbilities | None = None  # known once connected
        self._is_less = False  # than it could do once: a grammar or log-probabilities are gone
        self._examined_at = 0.0
        self._examining: asyncio.Task[None] | None = None  # in the background, while the server is used

    @property
    def model(self) -> str:
        """The name of the model, as the server gives it."""
        return self._server.model

    @property
    def dialect(self) -> str:
        """How the server takes a grammar: `llama_cpp`, `vllm`, or `free` where it takes none."""
        return self._server.dialect.name

    @property
    def template(self) -> str:
        """Who renders chats: a template of ours by its name, or `server`."""
        template = self._server.template
        return template.name if template else "server"

    @property
    def _server(self) -> LlmAbilities:
        if self._abilities is None:
            raise RuntimeError("LlmClient.connect() comes first")
        return self._abilities

    async def connect(self) -> None:
        """Resolve the model's name and find out what the server can do; one attempt.

        Raises:
            LlmUnavailableError: the server cannot be reached, refuses the key, or lists no model yet.
            LlmUnfitError: it refuses a harmless request, or has no answer to one.
            LlmUnusableError: it lists models, but not the one that was asked for by name.
        """
        model = await self._find_model()
        examination = Examination(self._http.complete, self._http.server, self._style, self._demands)
        found = await examination.find_abilities(model)
        self._tell(found)
        self._is_less |= self._abilities is not None and found.is_less_than(self._abilities)
        if self._abilities and self._abilities.is_less_than(found):
            self._is_less = False
        self._abilities = found
        self._examined_at = time.monotonic()

    async def close(self) -> None:
        """Close the connections."""
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
    ) -> list[Sample]:
        """Return `num_samples` answers.

        One request, or as few as the server's largest `n` allows. The grammar goes along where the server is known
        to obey one: judge the answers all the same.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: it has been away for `give_up_seconds`.
        """
        self._demands = replace(self._demands, num_samples=max(num_samples, self._demands.num_samples))
        whole = Question(
            "sample", messages, max_tokens, temperature, seed, num_samples, grammar, num_alternatives=1
        )
        answers: list[Answer] = []
        while len(answers) < num_samples:
            num_wanted = num_samples - len(answers)
            part = replace(whole, num_samples=num_wanted, seed=seed + len(answers))
            answers += (await self._ask(part))[:num_wanted]
        return [to_sample(answer) for answer in answers]

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        """Return which option the LLM names (from 1), and how probable it finds each where the server says so.

        Raises:
            LlmRefusedError: the server refuses this prompt.
            LlmUnavailableError: it has been away for `give_up_seconds`.
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
        if self._style.think_tokens and self._server.can_think_first:
            question = replace(question, thought=await self._think(messages, seed))
        answers = await self._ask(question)
        return to_choice(answers[0], num_options)

    async def _think(self, messages: Sequence[ChatMessage], seed: int) -> str:
        """Return what the model thought, cut at `think_tokens`."""
        question = Question("think", messages, self._style.think_tokens, _THINK_TEMPERATURE, seed)
        [thought, *_] = await self._ask(question)
        return thought.text

    async def _ask(self, question: Question) -> list[Answer]:
        self._examine_again_if_due()
        return await self._patient.ask(question)

    async def _send(self, kind: RequestKind, question: Question) -> list[Answer]:
        # Worded anew at each attempt: the server may be another by now.
        return await self._http.complete(kind, self._server.body(question))

    async def _find_model(self) -> str:
        names = await self._http.list_models()
        wanted = self._model or (names[0] if names else None)
        # Ollama's name of what was pulled without a tag, and Gemini's of all that it lists.
        for name in (wanted, f"{wanted}:latest", f"models/{wanted}"):
            if name in names:
                return name
        asked = f"no model {wanted!r}" if wanted else "no model at all"
        problem = f"{self._http.server} has {asked}; it lists {', '.join(names[:10]) or 'none'}"
        if names:  # else it may still load
            raise LlmUnusableError(f"{problem}: set TOCSIN_LLM_MODEL to one of these")
        raise LlmUnavailableError(problem)

    async def _recover(self, error: Exception) -> None:
        """Ask a server that failed like this whether it will do again; raises why not."""
        is_long = self._gate.seconds >= _LONG_OUTAGE_SECONDS
        if isinstance(error, LlmBusyError):  # of a kind that limits tokens, say: take few
            await self._ask_little()
            if is_long:
                # The examination takes many: who is too busy for it and answers little is the one we know.
                with suppress(LlmBusyError):
                    await self.connect()
        elif is_passing(error) and not is_long:
            [sample, *_] = self._demands.questions(is_long=True)
            await self._patient.ask_twin(replace(sample, num_samples=1))
        else:  # it may have come back with another model, or be configured otherwise
            await self.connect()

    async def _ask_little(self) -> None:
        [sample, *_] = self._demands.questions(is_long=False)
        try:
            await self._send("canary", replace(sample, num_samples=1))
        except LlmSaidNoError as error:
            raise LlmUnfitError(refuses_harmless(self._http.server, error.refusal)) from error

    def _examine_again_if_due(self) -> None:
        is_due = time.monotonic() - self._examined_at >= _EXAMINE_AGAIN_SECONDS
        if is_due and (self._server.wording.is_limited or self._is_less) and self._gate.seconds == 0:
            self._examined_at = time.monotonic()
            # In a context of its own: what it costs is no post's.
            self._examining = asyncio.get_running_loop().create_task(self._examine_again(), context=Context())

    async def _examine_again(self) -> None:
        try:
            await self.connect()
        except (LlmUnavailableError, LlmUnusableError) as error:  # posts will tell
            logger.debug("%s; asked as before", error)

    def _tell(self, found: LlmAbilities) -> None:
        """Log what is new."""
        if self._abilities is None or found.describe() != self._abilities.describe():
            logger.info("%s: asking for %s", self._http.server, found.describe())
        wording = found.wording
        if wording == (self._abilities.wording if self._abilities else Wording()):
            return
        if wording.is_limited:
            logger.warning("%s does not take all that we ask for: %s", self._http.server, wording.describe())
        else:
            logger.info("%s now takes all that we ask for", self._http.server)
