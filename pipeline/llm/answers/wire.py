"""Reads the bodies of an OpenAI-compatible server's answers.

Servers differ in where they put the text (chat form or text form) and the log-probabilities. llama.cpp writes them in
both forms as OpenAI does in chats: a list of tokens, each with its alternatives. vLLM's text form has parallel lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

import msgspec


@dataclass(frozen=True)
class Token:
    """One token of an answer."""

    text: str  # "" if the server does not say
    log_probability: float  # natural logarithm
    # Log-probabilities of the likeliest tokens at this place, with or without this one.
    alternatives: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """One choice of a completion, as the server wrote it."""

    text: str  # "" if the server sends none
    tokens: tuple[Token, ...] | None = None  # None: the server gives no log-probabilities
    is_cut: bool = False  # whether the limit of tokens cut it

    @property
    def first_token(self) -> Mapping[str, float]:
        """Log-probabilities of the first token's alternatives. Several tokens may spell the same word."""
        return self.tokens[0].alternatives if self.tokens else {}


@dataclass(frozen=True)
class Completion:
    """All choices of one request, and how many tokens they took."""

    answers: list[Answer]
    prompt_tokens: int  # as the server counts them; 0 if it does not say
    completion_tokens: int


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    top_logprobs: list[_Token] | None = None


class _LogProbs(msgspec.Struct):
    content: list[_Token] | None = None
    tokens: list[str | None] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Message | None = None
    finish_reason: str | None = None
    text: str | None = None
    logprobs: _LogProbs | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Body(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


def read_completion(body: bytes) -> Completion:
    """Return what the body of an answer with status 200 says, its choices in the order of their indices.

    Raises:
        ValueError: it is not JSON, not UTF-8, lacks the fields of OpenAI's API, or has no choice.
    """
    found = msgspec.json.decode(body, type=_Body)
    if not found.choices:
        raise ValueError("an answer without choices")
    # The answers to a list of prompts may come in another order.
    answers = [_read_choice(choice) for choice in sorted(found.choices, key=lambda choice: choice.index)]
    usage = found.usage or _Usage()
    # llama.cpp counts the tokens of only one choice.
    num_tokens = sum(len(answer.tokens or ()) for answer in answers)
    return Completion(answers, usage.prompt_tokens, max(usage.completion_tokens, num_tokens))


def _read_choice(choice: _Choice) -> Answer:
    if choice.message is None and choice.text is None:
        raise ValueError("a choice without message and text")
    text = (choice.message.content if choice.message else choice.text) or ""
    is_cut = choice.finish_reason == "length"
    found = choice.logprobs
    if found is not None and found.content is not None:
        return Answer(text, tuple(map(_read_token, found.content)), is_cut)
    if found is not None and found.token_logprobs is not None:
        return Answer(text, tuple(_parallel_tokens(found, found.token_logprobs)), is_cut)
    return Answer(text, is_cut=is_cut)


def _read_token(token: _Token) -> Token:
    alternatives = {other.token: _value(other.logprob) for other in token.top_logprobs or ()}
    return Token(token.token, _value(token.logprob), alternatives)


def _parallel_tokens(found: _LogProbs, values: Sequence[float | None]) -> Iterator[Token]:
    lists = zip_longest(values, found.tokens or (), found.top_logprobs or ())
    for value, text, alternatives in islice(lists, len(values)):
        yield Token(text or "", _value(value), alternatives or {})


def _value(log_probability: float | None) -> float:
    # vLLM writes -9999 for a token that is next to impossible. A missing value means the same.
    return log_probability if log_probability is not None else -9999.0
