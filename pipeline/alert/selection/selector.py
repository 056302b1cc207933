"""Chooses the candidate to publish, by the method that the settings name."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from models.prompts.prompt import ChatMessage, Prompt
from pipeline.alert.candidates import Candidate, shown
from pipeline.alert.selection.judge import Judge, Verdicts
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.answers import Choice
from pipeline.messages import SelectionMethod
from pipeline.settings.checks import SelectionName

# Nine options with "none of these": the answer is one digit, so it is one token with one probability.
MAX_OPTIONS = 8
NONE_OF_THESE = "None of these"


class Chooser(Verdicts, Protocol):
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
        prompt: the version of the prompt by which the LLM was asked; None if it was not asked.
        candidates: with the verdicts that were asked for, in the same order; None: as they were.
    """

    index: int | None
    method: SelectionMethod
    confidence: float | None = None
    prompt: str | None = None
    candidates: tuple[Candidate, ...] | None = None


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
        judge: says how true candidates are; only the method `judge` asks it.
        max_tokens: limit of the LLM's answer.
    """

    def __init__(
        self, name: SelectionName, chooser: Chooser, prompt: Prompt, judge: Judge, *, max_tokens: int
    ) -> None:
        self._name = name
        self._chooser = chooser
        self._prompt = prompt
        self._judge = judge
        self._max_tokens = max_tokens

    async def select(self, candidates: Sequence[Candidate], *, post: str, seed: int) -> Selection:
        """Return the choice among one or more candidates; if there is only one, it is chosen.

        Args:
            candidates: in the order in which the LLM sees them.
            post: the post's text as prompts show it.
        """
        if self._name == "judge":  # a single candidate may be false, too
            return await self._by_truth(candidates, post, seed)
        if len(candidates) == 1:
            return Selection(0, SelectionMethod.ONLY_CANDIDATE)
        if self._name == "llm":
            return replace(await self._ask(candidates, post, seed), prompt=self._prompt.ref)
        if self._name == "likelihood":
            return by_likelihood(candidates)
        if self._name == "first":
            first = min(range(len(candidates)), key=lambda index: candidates[index].first_sample)
            return Selection(first, SelectionMethod.FIRST)
        return by_majority(candidates, SelectionMethod.MAJORITY)

    async def _by_truth(self, candidates: Sequence[Candidate], post: str, seed: int) -> Selection:
        judged = await self._judge.examine(candidates, self._chooser, post=post, seed=seed)
        choice = self._judge.choose(judged)
        if choice is None:
            # The share of the likeliest says nothing about its truth.
            found = replace(by_likelihood(judged), method=SelectionMethod.JUDGE_FALLBACK, confidence=None)
        else:
            found = Selection(choice[0], SelectionMethod.JUDGE, choice[1])
        asked = self._judge.prompt
        return replace(found, prompt=asked.ref if asked else None, candidates=judged)

    async def _ask(self, candidates: Sequence[Candidate], post: str, seed: int) -> Selection:
        indices = options(candidates)
        listed = [candidates[index] for index in indices]
        messages = self._prompt.render(post=post, options=list_options(listed))
        try:
            choice = await self._chooser.choose(
                messages, len(listed) + 1, max_tokens=self._max_tokens, seed=seed
            )
        except (
            LlmRefusedError,
            LlmUnavailableError,
        ):  # the candidates are good even if the question is too long
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        option, method = choice.index, SelectionMethod.LLM
        if option is None:
            option, method = named_option(choice.text, listed), SelectionMethod.LLM_WORDS
        if option is None:
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        confidence = choice.probabilities[option] if choice.probabilities else None
        return Selection(indices[option] if option < len(listed) else None, method, confidence)


def options(candidates: Sequence[Candidate]) -> list[int]:
    """Return the indices of the most frequent candidates, in order: the ones that the LLM is shown."""
    by_count = sorted(range(len(candidates)), key=lambda index: -candidates[index].count)
    return sorted(by_count[:MAX_OPTIONS])


def list_options(candidates: Sequence[Candidate]) -> str:
    """Return the candidates as numbered lines; the last line is the option to refuse them all."""
    return "\n".join(
        f"{number}. {text}" for number, text in enumerate([*map(shown, candidates), NONE_OF_THESE], 1)
    )


def named_option(answer: str, candidates: Sequence[Candidate]) -> int | None:
    """Return the index of the option whose words the answer repeats; None unless it repeats exactly one.

    The index after the last candidate means "none of these".
    """
    answer = answer.casefold()
    texts = [*map(shown, candidates), NONE_OF_THESE]
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
