"""What an LLM server can do, found out by asking it, and the bodies of requests that ask for no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.chat_template import ChatTemplate, choose_template
from pipeline.completion import Answer
from pipeline.constraint import FREE, LLAMA_CPP, PROBE_GRAMMAR, PROBE_WORD, VLLM, Dialect
from pipeline.errors import LlmRefusedError
from pipeline.llm_http import RequestKind
from pipeline.prompts import ChatMessage

# Alternatives of a token to ask for: above the options of a choice, for a word may be spelled by two tokens.
NUM_ALTERNATIVES = 20

_HARMLESS: list[ChatMessage] = [{"role": "user", "content": "Say hello."}]

# Sends one request of the kind and returns its answers.
Complete = Callable[[RequestKind, dict[str, Any]], Awaitable[list[Answer]]]


@dataclass(frozen=True)
class AskingStyle:
    """How the server is asked, where that is not left to what it can do."""

    constraint: Literal["auto", "none"] = "auto"  # auto: what the server proves to obey
    template: str = "auto"  # of the chat; see `choose_template`
    think_tokens: int = 0  # that a reasoning model may think before it chooses; 0: none


@dataclass(frozen=True)
class LlmAbilities:
    """What one server can do with one model."""

    model: str
    template: ChatTemplate | None = None  # None: the server renders chats
    dialect: Dialect = FREE
    has_log_probabilities: bool = False

    def body(
        self, messages: Sequence[ChatMessage], max_tokens: int, grammar: str | None = None
    ) -> dict[str, Any]:
        """Return a request to answer the messages, under the grammar where the server is known to obey one."""
        body: dict[str, Any] = {"model": self.model, "max_tokens": max_tokens}
        if self.template:
            body["prompt"] = self.template.render(messages)
        else:
            body["messages"] = messages
        return body | (self.dialect.fields(grammar) if grammar else {})

    def harmless_body(self, max_tokens: int = 1) -> dict[str, Any]:
        """Return a request that no server refuses: tells whether it is the server that fails, or one post."""
        return self.body(_HARMLESS, max_tokens)

    def log_probabilities(self, num_alternatives: int) -> dict[str, Any]:
        """Return the fields that ask for log-probabilities, none where the server gives none."""
        if not self.has_log_probabilities:
            return {}
        if self.template:
            return {"logprobs": num_alternatives}
        return {"logprobs": True, "top_logprobs": num_alternatives}


async def find_abilities(complete: Complete, model: str, style: AskingStyle) -> LlmAbilities:
    """Return what the server can do, as far as the style does not say.

    Args:
        complete: sends one request.

    Raises:
        LlmUnavailableError: a request failed.
    """
    found = LlmAbilities(model, choose_template(style.template, model))
    if style.constraint == "auto":
        found = replace(found, dialect=await _find_dialect(complete, found))
    return replace(found, has_log_probabilities=await _gives_log_probabilities(complete, found))


async def _find_dialect(complete: Complete, known: LlmAbilities) -> Dialect:
    for dialect in (LLAMA_CPP, VLLM):
        body = known.harmless_body(16) | {"temperature": 0.0} | dialect.fields(PROBE_GRAMMAR)
        # A server that knows neither field may refuse it.
        with suppress(LlmRefusedError):
            answers = await complete("probe", body)
            if [answer.text.strip() for answer in answers] == [PROBE_WORD]:
                return dialect
    return FREE


async def _gives_log_probabilities(complete: Complete, known: LlmAbilities) -> bool:
    asked = replace(known, has_log_probabilities=True)
    # An answer that is sampled may end before its first token, and tell of none.
    body = asked.body(_HARMLESS, 16, PROBE_GRAMMAR) | {"temperature": 0.0}
    with suppress(LlmRefusedError):
        answers = await complete("probe", body | asked.log_probabilities(NUM_ALTERNATIVES))
        return bool(answers[0].first_token)
    return False
