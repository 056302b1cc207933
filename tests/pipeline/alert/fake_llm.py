"""A fake of the LLM client, for tests of what is made of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from models.prompts.prompt import ChatMessage, Verdict
from pipeline.llm.answers import Choice, Sample


class Llm:
    """A fake LLM client that gives these samples and this choice, and keeps the requests."""

    model = "fake"

    def __init__(
        self,
        samples: Sequence[str] = (),
        choice: int | None = 0,
        *,
        truths: Sequence[float | None] = (),
    ) -> None:
        self.samples = list(samples)
        self.choice = choice
        self.truths = list(
            truths
        )  # of the samples, if the prompt asks for verdicts; of questions to the judge
        self.sampled: list[dict[str, Any]] = []
        self.chosen: list[dict[str, Any]] = []

    async def sample(self, messages: Sequence[ChatMessage], **options: Any) -> list[Sample]:
        self.sampled.append({"messages": messages, **options})
        truths = self.truths if options.get("verdict") else []
        return [Sample(text, -float(len(text)), truth) for text, truth in zip_longest(self.samples, truths)]

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, **_: Any
    ) -> list[float | None]:
        return self.truths[: len(chats)]

    async def choose(self, messages: Sequence[ChatMessage], num_options: int, **options: Any) -> Choice:
        self.chosen.append({"messages": messages, "num_options": num_options, **options})
        return Choice("", self.choice)
