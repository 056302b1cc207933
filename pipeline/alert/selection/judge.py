"""How true each candidate is by its post, and the choice by that.

Our own writer gives its verdict with each sample, so nothing more is asked. Another model is asked by a prompt of its
own, about all candidates in one request if the server takes a list of prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from models.prompts.prompt import ChatMessage, Prompt, Verdict
from models.writers.calibration import Calibration
from pipeline.alert.candidates import Candidate, shown
from pipeline.errors import LlmRefusedError, LlmUnavailableError

# As many as the selection prompt shows: a bound on the cost of a post.
MAX_JUDGED = 8


class Verdicts(Protocol):
    """What a judge needs of the LLM client."""

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, *, max_tokens: int, seed: int
    ) -> list[float | None]:
        """Return for each chat the probability that the LLM answers "true"."""


@dataclass(frozen=True)
class Judge:
    """Says how true candidates are.

    Attributes:
        prompt: asks about one candidate; None if the samples bring their verdicts.
        calibration: from a verdict's probability to a confidence.
        max_tokens: limit of an answer.
    """

    prompt: Prompt | None
    calibration: Calibration
    max_tokens: int

    async def examine(
        self, candidates: Sequence[Candidate], llm: Verdicts, *, post: str, seed: int
    ) -> tuple[Candidate, ...]:
        """Return the candidates with the LLM's verdicts, as they are if nobody has to be asked or can be.

        Only the most frequent candidates are asked about.

        Args:
            post: the post's text as prompts show it.
        """
        prompt = self.prompt
        if prompt is None or prompt.verdict is None:
            return tuple(candidates)
        asked = sorted(range(len(candidates)), key=lambda index: -candidates[index].count)[:MAX_JUDGED]
        chats = [prompt.render(post=post, alert=shown(candidates[index])) for index in asked]
        try:
            truths = await llm.judge(chats, prompt.verdict, max_tokens=self.max_tokens, seed=seed)
        except (
            LlmRefusedError,
            LlmUnavailableError,
        ):  # the candidates are good even if nobody can judge them
            return tuple(candidates)
        found = dict(zip(asked, truths, strict=True))
        return tuple(replace(candidate, truth=found.get(index)) for index, candidate in enumerate(candidates))

    def choose(self, candidates: Sequence[Candidate]) -> tuple[int, float] | None:
        """Return the index of the truest candidate, and its confidence; None if none has a verdict."""
        scores = [
            (self.calibration.score(candidate.truth, candidate.log_probability), index, candidate.truth)
            for index, candidate in enumerate(candidates)
            if candidate.truth is not None
        ]
        if not scores:
            return None
        _, index, truth = max(scores)
        return index, self.calibration.confidence(truth)
