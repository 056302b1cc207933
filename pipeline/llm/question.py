"""From a question to the request body for one server: `Question`, then `LlmAbilities.body`, then `Wording.apply`.

A question is the same for all servers. The abilities say what one server can do with one model, and the wording which
of the ordinary request fields it takes; the request has no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from models.prompts.prompt import ChatMessage
from pipeline.llm.chat import THINK_END, ChatTemplate
from pipeline.llm.grammar import FREE, Dialect

Purpose = Literal["sample", "think", "select", "judge"]

# Alternatives of a token to ask for. More than a choice has options, because two tokens may spell the same number.
NUM_ALTERNATIVES = 20
# Fewer for the verdict in a sample: every token of every sample lists them, and a verdict has two words.
VERDICT_ALTERNATIVES = 5


@dataclass(frozen=True)
class Question:
    """One question, as far as it is the same for all servers."""

    purpose: Purpose
    messages: Sequence[ChatMessage]
    max_tokens: int
    temperature: float
    seed: int = 1
    num_samples: int = 1
    grammar: str | None = None  # sent only to a server that obeys grammars
    num_alternatives: int = 0  # alternatives of each token to ask log-probabilities for; 0: ask for none
    thought: str | None = None  # what the model thought before it answers; see `ChatTemplate.close`
    # Chats of which each has an answer of its own, beside that of `messages`: in one request if the server takes that.
    more: tuple[Sequence[ChatMessage], ...] = ()

    @property
    def chats(self) -> tuple[Sequence[ChatMessage], ...]:
        """All chats that this question asks."""
        return (self.messages, *self.more)


@dataclass(frozen=True)
class Wording:
    """Which of the fields that every request has one server takes; by default all of them."""

    limit_field: str = "max_tokens"  # the field that limits an answer; hosted reasoning models want another
    left_out: frozenset[str] = frozenset()  # `temperature`, `seed`, both or none
    max_n: int = 1 << 16  # samples in one request
    takes_system: bool = True  # if not, the instructions go into the first user message

    @property
    def is_limited(self) -> bool:
        """Whether the server does not take all fields."""
        return self != Wording()

    def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the request body as this server takes it."""
        worded = {name: value for name, value in body.items() if name not in self.left_out}
        worded[self.limit_field] = worded.pop("max_tokens")
        if worded.get("n", 1) > self.max_n:
            worded["n"] = self.max_n
        if worded.get("n") == 1:
            del worded["n"]  # some servers refuse the field itself
        if "messages" in worded and not self.takes_system:
            worded["messages"] = without_system(worded["messages"])
        return worded

    def describe(self) -> str:
        """Return in words what differs from an ordinary request; "" if nothing does."""
        found = [f"{name} is left out" for name in sorted(self.left_out)]
        if self.limit_field != Wording.limit_field:
            found.insert(0, f"{Wording.limit_field} is sent as {self.limit_field}")
        if self.max_n < Wording.max_n:
            found.append(f"one request asks for no more than {self.max_n} samples")
        if not self.takes_system:
            found.append("instructions go into the first user message")
        return "; ".join(found)


def without_system(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Return the chat with the system message put at the beginning of the next message."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return messages
    first = ChatMessage(
        role=messages[1]["role"], content=f"{messages[0]['content']}\n\n{messages[1]['content']}"
    )
    return [first, *messages[2:]]


@dataclass(frozen=True)
class LlmAbilities:
    """What one server can do with one model."""

    model: str
    template: ChatTemplate | None = None  # None: the server renders chats
    dialect: Dialect = FREE
    max_alternatives: int = 0  # alternatives of a token that have log-probabilities; 0: the server gives none
    wording: Wording = field(default_factory=Wording)
    takes_lists: bool = (
        False  # several prompts in one request; only prompts that our template renders can be listed
    )

    def describe(self) -> str:
        """Return in words what is used of the server."""
        template = (
            f"our chat template {self.template.name}" if self.template else "the server's chat template"
        )
        grammars = "no grammars" if self.dialect is FREE else f"grammars in the form of {self.dialect.name}"
        number = self.max_alternatives
        alternatives = f"log-probabilities of {number} alternatives" if number else "no log-probabilities"
        lists = ", several prompts in a request" if self.takes_lists else ""
        return f"model {self.model}, {template}, {grammars}, {alternatives}{lists}"

    def is_less_than(self, other: LlmAbilities) -> bool:
        """Whether this server lacks grammars or lists that the other takes, or gives fewer log-probabilities."""
        has_lost_grammar = self.dialect is FREE and other.dialect is not FREE
        has_lost_lists = other.takes_lists and not self.takes_lists
        return has_lost_grammar or has_lost_lists or self.max_alternatives < other.max_alternatives

    @property
    def can_think_first(self) -> bool:
        """Whether the model can be made to think for a limited number of tokens before it answers."""
        return self.template is not None and self.template.think is not None

    def parts(self, question: Question) -> list[Question]:
        """Return the question as one for each request that this server takes."""
        if self.takes_lists and self.template is not None:
            return [question]
        return [replace(question, messages=chat, more=()) for chat in question.chats]

    def body(self, question: Question) -> dict[str, Any]:
        """Return the body of the request that asks this server."""
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
        if question.more:
            return {"prompt": [template.render(chat) for chat in question.chats]}
        return {"prompt": template.render(question.messages)}

    def _log_probabilities(self, num_alternatives: int) -> dict[str, Any]:
        number = min(num_alternatives, self.max_alternatives)
        if not number:
            return {}
        return {"logprobs": number} if self.template else {"logprobs": True, "top_logprobs": number}
