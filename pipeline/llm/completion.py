"""An answer of an OpenAI-compatible server, in chat form or in text form, with log-probabilities where it has them.

The forms differ in where they put the text, and servers in how they put log-probabilities: OpenAI's chat form (a list
of tokens, each with its alternatives) is llama.cpp's for both, vLLM's text form has parallel lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class Answer:
    """One choice of a completion."""

    text: str  # "" where the server sends none
    # Natural logarithm of each token's probability; None where the server does not say.
    log_probabilities: tuple[float, ...] | None = None
    # Of the first token and its alternatives; several spellings of one word are several tokens.
    first_token: dict[str, float] = field(default_factory=dict)
    is_cut: bool = False  # by the limit of tokens


@dataclass(frozen=True)
class Completion:
    """All choices of one request, and what they cost."""

    answers: list[Answer]
    prompt_tokens: int  # as the server counts them; 0 if it does not say
    completion_tokens: int


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
    """Return what a server's answer of status 200 says.

    Raises:
        ValueError: no JSON, no UTF-8, not the fields of OpenAI's API, or no choice.
    """
    found = msgspec.json.decode(body, type=_Body)
    if not found.choices:
        raise ValueError("answers without choices")
    answers = [_read_choice(choice) for choice in found.choices]
    usage = found.usage or _Usage()
    # llama.cpp counts the tokens of one choice only.
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
    # What a server leaves out, and the -9999 of vLLM, stand for "next to impossible".
    return log_probability if log_probability is not None else -9999.0
