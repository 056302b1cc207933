"""What one LLM server can do with one model, and the bodies of requests that ask for no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.llm.chat import THINK_END, ChatTemplate
from pipeline.llm.grammar import FREE, Dialect
from pipeline.llm.question import Question
from pipeline.llm.wording import Wording

# Alternatives of a token to ask for: above the options of a choice, for a word may be spelled by two tokens.
NUM_ALTERNATIVES = 20


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
    max_alternatives: int = 0  # of a token, with log-probabilities; 0: it gives none
    wording: Wording = field(default_factory=Wording)

    def describe(self) -> str:
        """Return what is asked for, in words."""
        grammars = "no grammars" if self.dialect is FREE else f"grammars as {self.dialect.name} has them"
        number = self.max_alternatives
        alternatives = f"log-probabilities of {number} alternatives" if number else "no log-probabilities"
        chats = (
            f"chats by our template {self.template.name}" if self.template else "chats by its own template"
        )
        return f"model {self.model}, {chats}, {grammars}, {alternatives}"

    def is_less_than(self, other: LlmAbilities) -> bool:
        """Whether the other obeys grammars, or gives log-probabilities, and this does not."""
        has_lost_grammar = self.dialect is FREE and other.dialect is not FREE
        return has_lost_grammar or self.max_alternatives < other.max_alternatives

    @property
    def can_think_first(self) -> bool:
        """Whether the model can be made to think for a bounded time before it answers."""
        return self.template is not None and self.template.think is not None

    def body(self, question: Question) -> dict[str, Any]:
        """Return the request that asks this server."""
        body: dict[str, Any] = {"model": self.model, "max_tokens": question.max_tokens}
        body |= self._prompt(question)
        body |= {"n": question.num_samples, "temperature": question.temperature, "seed": question.seed}
        if question.purpose == "think":
            body["stop"] = [THINK_END]
        if question.grammar is not None:
            body |= self.dialect.fields(question.grammar)
        return self.wording.apply(body | self._log_probabilities(question.num_alternatives))

    def _prompt(self, question: Question) -> dict[str, Any]:
        template = self.template
        if template is None:
            return {"messages": list(question.messages)}
        if template.think is not None and question.purpose == "think":
            return {"prompt": template.render_thinking(question.messages)}
        if template.think is not None and question.thought is not None:
            thinking = template.render_thinking(question.messages)
            return {"prompt": thinking + template.close(question.thought)}
        return {"prompt": template.render(question.messages)}

    def _log_probabilities(self, num_alternatives: int) -> dict[str, Any]:
        number = min(num_alternatives, self.max_alternatives)
        if not number:
            return {}
        return {"logprobs": number} if self.template else {"logprobs": True, "top_logprobs": number}
