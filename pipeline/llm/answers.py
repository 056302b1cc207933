"""What an LLM's answer says, once its thinking is taken away."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.llm.completion import Answer

_THINK_START, _THINK_END = "<think>", "</think>"
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Sample:
    """One sampled answer."""

    text: str  # without what a reasoning model thought first; "" where nothing is left
    log_probability: float | None = None  # of all its tokens together; None where the server does not say


@dataclass(frozen=True)
class Choice:
    """An LLM's answer to "which of these?"."""

    text: str
    index: int | None  # of the option that it names, from 0; None where that is not exactly one
    # Of each option, summing to one; None where the server does not say, or none of them was likely.
    probabilities: tuple[float, ...] | None = None


def to_sample(answer: Answer) -> Sample:
    """Return the answer without its thinking; its probability only where there was none."""
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
    """Return the answer without what a reasoning model thought first, "" if it never stopped thinking.

    Chat templates often open the thinking themselves, so an answer may hold the end alone.
    """
    _, end, rest = answer.rpartition(_THINK_END)
    if _THINK_START in rest:
        return ""
    return (rest if end else answer).strip()


def is_thinking_alone(answers: Sequence[Answer]) -> bool:
    """Whether all of them were cut before anything was said: a reasoning model that may not say enough to answer."""
    return bool(answers) and all(answer.is_cut and not after_thinking(answer.text) for answer in answers)


def chosen_index(answer: str, num_options: int) -> int | None:
    """Return the index (from 0) of the option (from 1) that the answer names; None where that is not exactly one."""
    numbers = {number.lstrip("0") for number in _NUMBER.findall(after_thinking(answer))}
    options = {str(index + 1): index for index in range(num_options)}
    return options.get(numbers.pop()) if len(numbers) == 1 else None


def option_probabilities(first_token: Mapping[str, float], num_options: int) -> tuple[float, ...] | None:
    """Return the probability of each number from 1 to `num_options` among them, by the tokens that spell it.

    Args:
        first_token: log-probability of each token that the answer could begin with.
    """
    sums = [0.0] * num_options
    for token, log_probability in first_token.items():
        index = chosen_index(token, num_options) if token.strip().isdecimal() else None
        if index is not None:
            sums[index] += math.exp(min(log_probability, 0.0))
    total = sum(sums)
    return tuple(value / total for value in sums) if total > 0 else None
