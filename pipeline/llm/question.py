"""What is asked of the LLM, before one server's wording is put on it; and the same, asked harmlessly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.prompts.prompt import ChatMessage
from pipeline.llm.grammar import PROBE_GRAMMAR

Purpose = Literal["sample", "think", "select"]

# All turns that real prompts have: some servers refuse a system message, some an answer among the questions.
HARMLESS: tuple[ChatMessage, ...] = (
    {"role": "system", "content": "You are polite."},
    {"role": "user", "content": "Say goodbye."},
    {"role": "assistant", "content": "Goodbye!"},
    {"role": "user", "content": "Say hello."},
)


_SEED = 2**31 - 1  # as large as those of posts get


@dataclass(frozen=True)
class Question:
    """One question, as far as it is the same for all servers."""

    purpose: Purpose
    messages: Sequence[ChatMessage]
    max_tokens: int
    temperature: float
    seed: int = 1
    num_samples: int = 1
    grammar: str | None = None  # goes along where the server is known to obey one
    num_alternatives: int = 0  # of each token, with log-probabilities, where the server gives them
    thought: str | None = None  # what the model thought first; see `ChatTemplate.close`


@dataclass(frozen=True)
class Demands:
    """What real questions will ask for; the harmless ones ask for no less.

    A server that refuses such a question, or has no answer to it, is no judge of a post.
    """

    num_samples: int = 1
    temperature: float = 0.7
    max_tokens: int = 24
    candidate_prompt: Sequence[ChatMessage] = HARMLESS  # as long as any that samples are asked by
    selection_prompt: Sequence[ChatMessage] | None = (
        None  # the same of selection; None: the LLM does not select
    )

    def twin(self, question: Question) -> Question:
        """Return a harmless question with the same fields, and as long as any of its purpose."""
        is_sample = question.purpose == "sample" or self.selection_prompt is None
        prompt = self.candidate_prompt if is_sample or not self.selection_prompt else self.selection_prompt
        return replace(
            question,
            messages=prompt,
            grammar=None if question.grammar is None else PROBE_GRAMMAR,
            thought=None if question.thought is None else "Well.",
        )

    def questions(self, *, is_long: bool) -> list[Question]:
        """Return a harmless question of each purpose, bare: without grammar and log-probabilities."""
        candidate = self.candidate_prompt if is_long else HARMLESS
        asked = [Question("sample", candidate, self.max_tokens, self.temperature, _SEED, self.num_samples)]
        if self.selection_prompt is not None:
            selection = self.selection_prompt if is_long else HARMLESS
            asked.append(Question("select", selection, self.max_tokens, 0.0, _SEED))
        return asked
