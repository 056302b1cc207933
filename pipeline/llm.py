"""The LLM server, as the rest of the pipeline sees it: samples, choices, and no failure but a refused prompt
or an outage that the settings do not wait out.

`pipeline.llm_abilities` finds out what it can be asked for, `pipeline.llm_patience` waits until it answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from pipeline.answers import Choice, Sample, to_choice, to_sample
from pipeline.blame import MAX_BLAME
from pipeline.chat_template import THINK_END, ChatTemplate
from pipeline.completion import Answer
from pipeline.constraint import number_grammar
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm_abilities import NUM_ALTERNATIVES, AskingStyle, LlmAbilities, find_abilities
from pipeline.llm_http import LlmHttp, LlmRequest
from pipeline.llm_patience import PatientLlm
from pipeline.prompts import ChatMessage

logger = logging.getLogger(__name__)

# As DeepSeek recommends for R1; greedy thinking repeats itself for ever.
_THINK_TEMPERATURE = 0.6


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
        self._patient = PatientLlm(
            self._http,
            lambda: self._server.harmless_body(),
            max_attempts=max_attempts,
            max_backoff_seconds=max_backoff_seconds,
            give_up_seconds=float("inf") if give_up_seconds is None else give_up_seconds,
        )
        self._style = style or AskingStyle()
        self._abilities: LlmAbilities | None = None  # known once connected
        self._max_n = 1 << 16  # samples in a request; lowered when the server takes no more

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
            LlmUnavailableError: the server cannot be reached, refuses the key, or lacks the model.
        """
        names = await self._http.list_models()
        wanted = self._model or (names[0] if names else None)
        if wanted is None or wanted not in names:
            asked = f"no model {wanted!r}" if wanted else "no model at all"
            raise LlmUnavailableError(
                f"{self._http.server} has {asked}; it lists {', '.join(names[:10]) or 'none'}"
            )
        self._abilities = await find_abilities(self._patient.ask_once, wanted, self._style)

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
            body = self._server.body(messages, max_tokens, grammar) | self._server.log_probabilities(1)
            body |= {"n": num_wanted, "temperature": temperature, "seed": seed + len(answers)}
            try:
                answers += (await self._patient.ask("sample", body))[:num_wanted]
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
        server = self._server
        body = server.body(messages, max_tokens, number_grammar(num_options))
        if server.template and server.template.think and self._style.think_tokens:
            body["prompt"] = await self._think(server.template, messages, seed)
        body |= {"temperature": 0.0, "seed": seed} | server.log_probabilities(NUM_ALTERNATIVES)
        answers = await self._patient.ask("select", body)
        return to_choice(answers[0], num_options)

    async def _think(self, template: ChatTemplate, messages: Sequence[ChatMessage], seed: int) -> str:
        """Return the prompt that ends with what the model thought, cut at `think_tokens`."""
        prompt = template.render_thinking(messages)
        body = self._server.body(messages, self._style.think_tokens)
        body |= {"prompt": prompt, "temperature": _THINK_TEMPERATURE, "seed": seed, "stop": [THINK_END]}
        [thought, *_] = await self._patient.ask("think", body)
        return prompt + template.close(thought.text)

    async def _takes(self, num_samples: int) -> bool:
        """Whether the server takes that `n` with a harmless prompt."""
        try:
            await self._patient.ask("canary", self._server.harmless_body() | {"n": num_samples})
        except LlmRefusedError:
            return False
        return True

    def _lower_max_n(self, max_n: int) -> None:
        if max_n < self._max_n:
            self._max_n = max_n
            logger.warning(
                "%s refuses more samples in a request; asking for %d at a time", self._http.server, max_n
            )
