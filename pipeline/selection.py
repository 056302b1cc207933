"""Which of several valid candidates is published."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.filters import Candidate, shown_form
from pipeline.messages import SelectionMethod
from pipeline.prompts import ChatMessage, Prompt


class Chooser(Protocol):
    """What selection needs of the LLM client."""

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> int | None:
        """Return the index of the option that the LLM names, None if its answer names none."""


@dataclass(frozen=True)
class Selection:
    """The chosen candidate and how it was chosen."""

    index: int
    method: SelectionMethod


def shuffle(candidates: Sequence[Candidate], seed: int) -> tuple[Candidate, ...]:
    """Return the candidates in an order that depends on the seed alone, not on the order of the samples.

    LLMs favour some places in a list: the order must not follow the counts, and must be the same on redelivery.
    """
    ordered = sorted(candidates, key=lambda candidate: (candidate.theme.casefold(), candidate.entity.start))
    random.Random(seed).shuffle(ordered)  # noqa: S311 - a reproducible order, nothing secret
    return tuple(ordered)


async def select(
    candidates: Sequence[Candidate],
    chooser: Chooser,
    prompt: Prompt,
    *,
    post: str,
    max_tokens: int,
    seed: int,
) -> Selection:
    """Return the LLM's choice, the most frequent candidate if its answer is unusable, the only one unasked.

    Args:
        candidates: one or more, in the order in which the LLM shall see them.
        post: the post's text as prompts show it.
    """
    if len(candidates) == 1:
        return Selection(0, SelectionMethod.ONLY_CANDIDATE)
    messages = prompt.render(post=post, options=list_options(candidates))
    index = await chooser.choose(messages, len(candidates), max_tokens=max_tokens, seed=seed)
    if index is None:
        return Selection(majority(candidates), SelectionMethod.MAJORITY_FALLBACK)
    return Selection(index, SelectionMethod.LLM)


def majority(candidates: Sequence[Candidate]) -> int:
    """Return the index of the candidate that most samples said, the first of equals."""
    return max(range(len(candidates)), key=lambda index: candidates[index].count)


def list_options(candidates: Sequence[Candidate]) -> str:
    """Return the candidates as numbered lines."""
    return "\n".join(
        f"{number}. {candidate.theme}: {shown_form(candidate.entity.text)}"
        for number, candidate in enumerate(candidates, 1)
    )
