"""What a caller sets about an LLM: the server and model, how to ask, what will be asked, how long to wait.

`Demands` also makes the harmless questions that are asked in place of real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from models.prompts.prompt import ChatMessage
from pipeline.llm.grammar import PROBE_GRAMMAR
from pipeline.llm.question import Question

# Every role that real prompts have: some servers refuse a system message, some an assistant message before the last.
HARMLESS: tuple[ChatMessage, ...] = (
    {"role": "system", "content": "You are polite."},
    {"role": "user", "content": "Say goodbye."},
    {"role": "assistant", "content": "Goodbye!"},
    {"role": "user", "content": "Say hello."},
)

_SEED = 2**31 - 1  # the largest seed that a post can have


@dataclass(frozen=True)
class Demands:
    """What real questions will ask for. Harmless questions ask for no less.

    A server that refuses a harmless question, or has no answer to it, cannot show that a post is at fault.
    """

    num_samples: int = 1
    temperature: float = 0.7
    max_tokens: int = 24
    candidate_prompt: Sequence[ChatMessage] = HARMLESS  # as long as the longest prompt for samples
    # As long as the longest prompt for choices; None: there are no choices.
    selection_prompt: Sequence[ChatMessage] | None = None
    judge_prompt: Sequence[ChatMessage] | None = None  # the same for verdicts; None: there is no judge to ask
    num_judged: int = 1  # most alerts of one post that are judged
    sample_alternatives: int = 1  # alternatives of a sample's tokens; more if a sample holds a verdict

    def twin(self, question: Question) -> Question:
        """Return a harmless question with the same fields, as long as the longest of its purpose."""
        prompt = self.candidate_prompt
        if question.purpose == "judge":
            prompt = self.judge_prompt or prompt
        elif question.purpose != "sample":
            prompt = self.selection_prompt or prompt
        return replace(
            question,
            messages=prompt,
            more=(prompt,) * len(question.more),
            grammar=None if question.grammar is None else PROBE_GRAMMAR,
            thought=None if question.thought is None else "Well.",
        )

    def questions(self, *, is_long: bool) -> list[Question]:
        """Return a harmless question of each purpose, without grammar and log-probabilities."""
        candidate = self.candidate_prompt if is_long else HARMLESS
        asked = [Question("sample", candidate, self.max_tokens, self.temperature, _SEED, self.num_samples)]
        if self.selection_prompt is not None:
            selection = self.selection_prompt if is_long else HARMLESS
            asked.append(Question("select", selection, self.max_tokens, 0.0, _SEED))
        if self.judge_prompt is not None:
            judge = self.judge_prompt if is_long else HARMLESS
            asked.append(Question("judge", judge, self.max_tokens, 0.0, _SEED))
        return asked

    def list_question(self) -> Question | None:
        """Return a question of as many and as long prompts as a judge's; None if it asks for no more than one."""
        if self.judge_prompt is None or self.num_judged < 2:
            return None
        more = (self.judge_prompt,) * (self.num_judged - 1)
        return Question("judge", self.judge_prompt, self.max_tokens, 0.0, _SEED, more=more)


@dataclass(frozen=True)
class RetryLimits:
    """How often a question is asked again, and for how long."""

    max_failures: int = 20  # after this many a prompt is refused, if the server answers its twin each time
    max_backoff_seconds: float = 5.0  # longest wait between two attempts
    give_up_seconds: float = float("inf")  # if an outage lasts longer, `LlmUnavailableError` is raised


@dataclass(frozen=True, kw_only=True)
class LlmOptions:
    """Which server is asked, and how."""

    url: str  # base URL, with `/v1`; error messages show it, so it holds no password
    model: str | None = None  # None: the first model that the server lists
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float  # limit for one request
    max_requests: int  # limit for requests in flight
    constraint: Literal["auto", "none"] = "auto"  # auto: use grammars if the server proves to obey them
    template: str = "auto"  # chat template; see `choose_template`
    think_tokens: int = 0  # thinking allowed to a reasoning model before it chooses; 0: none
    demands: Demands = field(default_factory=Demands)
    limits: RetryLimits = field(default_factory=RetryLimits)
