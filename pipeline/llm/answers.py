"""Reads the answers of an OpenAI-compatible server: first the wire form, then what a sample or a choice means.

Servers differ in where they put the text (chat form or text form) and the log-probabilities. llama.cpp writes them in
both forms as OpenAI does in chats: a list of tokens, each with its alternatives. vLLM's text form has parallel lists.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from pipeline.llm.chat import THINK_END

_THINK_START = "<think>"
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Answer:
    """One choice of a completion, as the server wrote it."""

    text: str  # "" if the server sends none
    # Natural logarithm of each token's probability; None: the server gives none.
    log_probabilities: tuple[float, ...] | None = None
    # Log-probabilities of the first token and its alternatives. Several tokens may spell the same word.
    first_token: dict[str, float] = field(default_factory=dict)
    is_cut: bool = False  # whether the limit of tokens cut it


@dataclass(frozen=True)
class Completion:
    """All choices of one request, and how many tokens they took."""

    answers: list[Answer]
    prompt_tokens: int  # as the server counts them; 0 if it does not say
    completion_tokens: int


@dataclass(frozen=True)
class Sample:
    """One sampled answer."""

    text: str  # without the thinking of a reasoning model; "" if nothing else is left
    log_probability: float | None = None  # sum over all tokens; None: the server gives none


@dataclass(frozen=True)
class Choice:
    """The LLM's answer to "which of these?"."""

    text: str
    index: int | None  # the option that the answer names, from 0; None unless it names exactly one
    # Of each option, with sum 1; None if the server gives none, or no option was likely.
    probabilities: tuple[float, ...] | None = None


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    top_logprobs: list[_Token] | None = None


class _LogProbs(msgspec.Struct):
    content: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
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
    """Return what the body of an answer with status 200 says.

    Raises:
        ValueError: it is not JSON, not UTF-8, lacks the fields of OpenAI's API, or has no choice.
    """
    found = msgspec.json.decode(body, type=_Body)
    if not found.choices:
        raise ValueError("an answer without choices")
    answers = [_read_choice(choice) for choice in found.choices]
    usage = found.usage or _Usage()
    # llama.cpp counts the tokens of only one choice.
    num_tokens = sum(len(answer.log_probabilities or ()) for answer in answers)
    return Completion(answers, usage.prompt_tokens, max(usage.completion_tokens, num_tokens))


def _read_choice(choice: _Choice) -> Answer:
    if choice.message is None and choice.text is None:
        raise ValueError("a choice without message and text")
    text = (choice.message.content if choice.message else choice.text) or ""
    is_cut = choice.finish_reason == "length"
    found = choice.logprobs
    if found is None:
        return Answer(text, is_cut=is_cut)
    if found.content is not None:
        tokens = [_value(token.logprob) for token in found.content]
        first = found.content[0].top_logprobs or [] if found.content else []
        return Answer(text, tuple(tokens), {token.token: _value(token.logprob) for token in first}, is_cut)
    if found.token_logprobs is not None:
        tokens = [_value(value) for value in found.token_logprobs]
        return Answer(text, tuple(tokens), (found.top_logprobs or [None])[0] or {}, is_cut)
    return Answer(text, is_cut=is_cut)


def _value(log_probability: float | None) -> float:
    # vLLM writes -9999 for a token that is next to impossible. A missing value means the same.
    return log_probability if log_probability is not None else -9999.0


def to_sample(answer: Answer) -> Sample:
    """Return the answer without its thinking, and its log-probability if it has no thinking."""
    text = after_thinking(answer.text)
    is_whole = text == answer.text.strip() and answer.log_probabilities
    return Sample(text, sum(answer.log_probabilities or ()) if is_whole else None)


def to_choice(answer: Answer, num_options: int) -> Choice:
    """Return which option (numbered from 1) the answer names, and how probable each was as its first token."""
    return Choice(
        after_thinking(answer.text),
        chosen_index(answer.text, num_options),
        option_probabilities(answer.first_token, num_options),
    )


def after_thinking(answer: str) -> str:
    """Return the answer without the thinking of a reasoning model; "" if the thinking has no end.

    Chat templates often write the start of the thinking themselves, so an answer may hold only its end.
    """
    _, end, rest = answer.rpartition(THINK_END)
    if _THINK_START in rest:
        return ""
    return (rest if end else answer).strip()


def is_thinking_alone(answers: Sequence[Answer]) -> bool:
    """Whether all answers were cut before their thinking ended, so that nothing is left of them."""
    return bool(answers) and all(answer.is_cut and not after_thinking(answer.text) for answer in answers)


def chosen_index(answer: str, num_options: int) -> int | None:
    """Return the index (from 0) of the option (from 1) that the answer names; None unless it names exactly one."""
    numbers = {number.lstrip("0") for number in _NUMBER.findall(after_thinking(answer))}
    options = {str(index + 1): index for index in range(num_options)}
    return options.get(numbers.pop()) if len(numbers) == 1 else None


def option_probabilities(first_token: Mapping[str, float], num_options: int) -> tuple[float, ...] | None:
    """Return the probability of each number from 1 to `num_options`, summed over the tokens that spell it.

    Args:
        first_token: log-probability of each token with which the answer could begin.

    Returns:
        probabilities with sum 1; None if no token spells one of the numbers.
    """
    sums = [0.0] * num_options
    for token, log_probability in first_token.items():
        index = chosen_index(token, num_options) if token.strip().isdecimal() else None
        if index is not None:
            sums[index] += math.exp(min(log_probability, 0.0))
    total = sum(sums)
    return tuple(value / total for value in sums) if total > 0 else None
