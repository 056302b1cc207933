"""Chooses the candidate to publish, by the method that the settings name."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.prompts.plain_text import shown_entity
from models.prompts.prompt import ChatMessage, Prompt
from pipeline.alert.candidates import Candidate
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.answers import Choice
from pipeline.messages import SelectionMethod
from pipeline.settings.checks import SelectionName

# Nine options with "none of these": the answer is one digit, so it is one token with one probability.
MAX_OPTIONS = 8
NONE_OF_THESE = "None of these"


class Chooser(Protocol):
    """What selection needs of the LLM client."""

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        """Return the option that the LLM chooses."""


@dataclass(frozen=True)
class Selection:
    """The chosen candidate and how it was chosen.

    Attributes:
        index: of the chosen candidate; None if the LLM finds none of them good enough.
        confidence: from 0 to 1, as in `Alert.confidence`; None if it is unknown.
    """

    index: int | None
    method: SelectionMethod
    confidence: float | None = None


def shuffle(candidates: Sequence[Candidate], seed: int) -> tuple[Candidate, ...]:
    """Return the candidates in an order that depends only on the seed, not on the order of the samples.

    LLMs favour some positions in a list, so the order must not follow the counts. It is the same on redelivery.
    """
    ordered = sorted(candidates, key=lambda candidate: (candidate.theme.casefold(), candidate.entity.start))
    random.Random(seed).shuffle(ordered)  # noqa: S311 - a reproducible order, nothing secret
    return tuple(ordered)


class Selector:
    """Selects by one method.

    Args:
        name: the method.
        chooser: the LLM; only the method `llm` asks it.
        prompt: the prompt for the LLM.
        max_tokens: limit of the LLM's answer.
    """

    def __init__(self, name: SelectionName, chooser: Chooser, prompt: Prompt, *, max_tokens: int) -> None:
        self._name = name
        self._chooser = chooser
        self._prompt = prompt
        self._max_tokens = max_tokens

    def asks_llm(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether the LLM is asked to choose among these candidates."""
        return self._name == "llm" and len(candidates) > 1

    async def select(self, candidates: Sequence[Candidate], *, post: str, seed: int) -> Selection:
        """Return the choice among one or more candidates; if there is only one, it is chosen.

        Args:
            candidates: in the order in which the LLM sees them.
            post: the post's text as prompts show it.
        """
        if len(candidates) == 1:
            return Selection(0, SelectionMethod.ONLY_CANDIDATE)
        if self.asks_llm(candidates):
            return await self._ask(candidates, post, seed)
        if self._name == "likelihood":
            return by_likelihood(candidates)
        if self._name == "first":
            first = min(range(len(candidates)), key=lambda index: candidates[index].first_sample)
            return Selection(first, SelectionMethod.FIRST)
        return by_majority(candidates, SelectionMethod.MAJORITY)

    async def _ask(self, candidates: Sequence[Candidate], post: str, seed: int) -> Selection:
        indices = options(candidates)
        shown = [candidates[index] for index in indices]
        messages = self._prompt.render(post=post, options=list_options(shown))
        try:
            choice = await self._chooser.choose(
                messages, len(shown) + 1, max_tokens=self._max_tokens, seed=seed
            )
        except (
            LlmRefusedError,
            LlmUnavailableError,
        ):  # the candidates are good even if the question is too long
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        option, method = choice.index, SelectionMethod.LLM
        if option is None:
            option, method = named_option(choice.text, shown), SelectionMethod.LLM_WORDS
        if option is None:
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        confidence = choice.probabilities[option] if choice.probabilities else None
        return Selection(indices[option] if option < len(shown) else None, method, confidence)


def options(candidates: Sequence[Candidate]) -> list[int]:
    """Return the indices of the most frequent candidates, in order: the ones that the LLM is shown."""
    by_count = sorted(range(len(candidates)), key=lambda index: -candidates[index].count)
    return sorted(by_count[:MAX_OPTIONS])


def list_options(candidates: Sequence[Candidate]) -> str:
    """Return the candidates as numbered lines; the last line is the option to refuse them all."""
    return "\n".join(
        f"{number}. {text}" for number, text in enumerate([*map(_shown, candidates), NONE_OF_THESE], 1)
    )


def named_option(answer: str, candidates: Sequence[Candidate]) -> int | None:
    """Return the index of the option whose words the answer repeats; None unless it repeats exactly one.

    The index after the last candidate means "none of these".
    """
    answer = answer.casefold()
    texts = [*map(_shown, candidates), NONE_OF_THESE]
    named = [index for index, text in enumerate(texts) if text.casefold() in answer]
    return named[0] if len(named) == 1 else None


def by_majority(candidates: Sequence[Candidate], method: SelectionMethod) -> Selection:
    """Return the candidate that most samples say. Among equals the likeliest wins.

    Its confidence is its share of the valid samples.
    """
    votes = [
        (candidate.count, -math.inf if candidate.log_probability is None else candidate.log_probability)
        for candidate in candidates
    ]
    best = votes.index(max(votes))
    total = sum(candidate.count for candidate in candidates)
    return Selection(best, method, candidates[best].count / total)


def by_likelihood(candidates: Sequence[Candidate]) -> Selection:
    """Return the candidate that the LLM finds likeliest.

    Its confidence is its share of the candidates' total probability. If the LLM server gives no log-probabilities, the
    majority decides instead.
    """
    values = [candidate.log_probability for candidate in candidates]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
    best = max(known)
    # Differences to the best one, because a probability itself may be too small for a float.
    share = 1 / sum(math.exp(value - best) for value in known)
    return Selection(known.index(best), SelectionMethod.LIKELIHOOD, share)


def _shown(candidate: Candidate) -> str:
    return f"{candidate.theme}: {shown_entity(candidate.entity.text)}"
