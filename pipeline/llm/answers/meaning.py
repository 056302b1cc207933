"""What a sample or a choice means, once the thinking of a reasoning model is taken away."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.prompts.prompt import Verdict
from pipeline.llm.answers.verdicts import alert_tokens, spoken_tokens, verdict_after
from pipeline.llm.answers.wire import Answer
from pipeline.llm.chat import THINK_END

_THINK_START = "<think>"
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Sample:
    """One sampled answer."""

    text: str  # without the thinking of a reasoning model and without a verdict; "" if nothing else is left
    # Sum over all tokens but the verdict's and the one that ends the answer; None: the server gives none.
    log_probability: float | None = None
    truth: float | None = None  # probability of the verdict that it is true; None: it has no verdict


@dataclass(frozen=True)
class Choice:
    """The LLM's answer to "which of these?"."""

    text: str
    index: int | None  # the option that the answer names, from 0; None unless it names exactly one
    # Of each option, with sum 1; None if the server gives none, or no option was likely.
    probabilities: tuple[float, ...] | None = None


def to_sample(answer: Answer, verdict: Verdict | None = None) -> Sample:
    """Return the answer without its thinking, and its log-probability if it has no thinking.

    Args:
        verdict: the words of which one may stand on the line after the first; None: the prompt asks for no verdict.
    """
    text = after_thinking(answer.text)
    tokens = spoken_tokens(answer) if text == answer.text.strip() else ()
    truth = None
    if verdict is not None:
        text, truth = verdict_after(text, tokens, verdict)
        tokens = alert_tokens(tokens) if truth is not None else tokens
    return Sample(text, sum(token.log_probability for token in tokens) if tokens else None, truth)


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
