"""Which of several valid candidates is published, by the method that the settings name."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from models.prompts.plain_text import shown_entity
from models.prompts.prompt import ChatMessage, Prompt
from pipeline.alert.candidates import Candidate
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.answers import Choice
from pipeline.messages import SelectionMethod

SelectionName = Literal["llm", "majority", "likelihood", "first"]

# With "none of these" nine options: the answer is one digit, hence one token with one probability.
MAX_OPTIONS = 8
NONE_OF_THESE = "None of these"


class Chooser(Protocol):
    """What selection needs of the LLM client."""

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        """Return the option that the LLM names."""


@dataclass(frozen=True)
class Selection:
    """The chosen candidate and how it was chosen."""

    index: int | None  # None: none of them is good enough
    method: SelectionMethod
    confidence: float | None = None  # from 0 to 1; see `Alert.confidence`


def shuffle(candidates: Sequence[Candidate], seed: int) -> tuple[Candidate, ...]:
    """Return the candidates in an order that depends on the seed alone, not on the order of the samples.

    LLMs favour some places in a list: the order must not follow the counts, and must be the same on redelivery.
    """
    ordered = sorted(candidates, key=lambda candidate: (candidate.theme.casefold(), candidate.entity.start))
    random.Random(seed).shuffle(ordered)  # noqa: S311 - a reproducible order, nothing secret
    return tuple(ordered)


class Selector:
    """Selects by one method.

    Args:
        name: the method.
        chooser: the LLM, asked by the method `llm` alone.
        prompt: how it is asked.
        max_tokens: of its answer.
    """

    def __init__(self, name: SelectionName, chooser: Chooser, prompt: Prompt, *, max_tokens: int) -> None:
        self.name = name
        self._chooser = chooser
        self._prompt = prompt
        self._max_tokens = max_tokens

    async def select(self, candidates: Sequence[Candidate], *, post: str, seed: int) -> Selection:
        """Return the choice among one or more candidates; the only one is taken unasked.

        Args:
            candidates: in the order in which the LLM shall see them.
            post: the post's text as prompts show it.
        """
        if len(candidates) == 1:
            return Selection(0, SelectionMethod.ONLY_CANDIDATE)
        if self.name == "llm":
            return await self._ask(candidates, post, seed)
        if self.name == "likelihood":
            return by_likelihood(candidates)
        if self.name == "first":
            first = min(range(len(candidates)), key=lambda index: candidates[index].first_sample)
            return Selection(first, SelectionMethod.FIRST)
        return by_majority(candidates, SelectionMethod.MAJORITY)

    async def _ask(self, candidates: Sequence[Candidate], post: str, seed: int) -> Selection:
        places = options(candidates)
        shown = [candidates[place] for place in places]
        messages = self._prompt.render(post=post, options=list_options(shown))
        try:
            choice = await self._chooser.choose(
                messages, len(shown) + 1, max_tokens=self._max_tokens, seed=seed
            )
        except (LlmRefusedError, LlmUnavailableError):  # too long, say; the candidates are there all the same
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        index, method = choice.index, SelectionMethod.LLM
        if index is None:
            index, method = named_option(choice.text, shown), SelectionMethod.LLM_WORDS
        if index is None:
            return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
        confidence = choice.probabilities[index] if choice.probabilities else None
        return Selection(places[index] if index < len(shown) else None, method, confidence)


def options(candidates: Sequence[Candidate]) -> list[int]:
    """Return the indices of the candidates that the LLM is shown, the most frequent ones, in their order."""
    by_count = sorted(range(len(candidates)), key=lambda index: -candidates[index].count)
    return sorted(by_count[:MAX_OPTIONS])


def list_options(candidates: Sequence[Candidate]) -> str:
    """Return the candidates as numbered lines, and the refusal of them all as the last."""
    return "\n".join(
        f"{number}. {text}" for number, text in enumerate([*map(_shown, candidates), NONE_OF_THESE], 1)
    )


def named_option(answer: str, candidates: Sequence[Candidate]) -> int | None:
    """Return the index of the option whose words the answer repeats; None where that is not exactly one.

    The index after the last candidate stands for none of them.
    """
    answer = answer.casefold()
    texts = [*map(_shown, candidates), NONE_OF_THESE]
    named = [index for index, text in enumerate(texts) if text.casefold() in answer]
    return named[0] if len(named) == 1 else None


def by_majority(candidates: Sequence[Candidate], method: SelectionMethod) -> Selection:
    """Return the candidate that most samples said, the likeliest of equals; sure by its share of the valid samples."""
    votes = [
        (candidate.count, -math.inf if candidate.log_probability is None else candidate.log_probability)
        for candidate in candidates
    ]
    best = votes.index(max(votes))
    total = sum(candidate.count for candidate in candidates)
    return Selection(best, method, candidates[best].count / total)


def by_likelihood(candidates: Sequence[Candidate]) -> Selection:
    """Return the candidate that the LLM finds likeliest; sure by its share of the probability of all candidates.

    Where the server gives no log-probabilities, the share of the samples is the nearest that there is.
    """
    values = [candidate.log_probability for candidate in candidates]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return by_majority(candidates, SelectionMethod.MAJORITY_FALLBACK)
    best = max(known)
    # By differences to the best: a probability itself may be too small for a float.
    share = 1 / sum(math.exp(value - best) for value in known)
    return Selection(known.index(best), SelectionMethod.LIKELIHOOD, share)


def _shown(candidate: Candidate) -> str:
    return f"{candidate.theme}: {shown_entity(candidate.entity.text)}"
