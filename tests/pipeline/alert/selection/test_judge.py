from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from models.prompts.prompt import ChatMessage, Verdict, load_prompt
from models.writers.calibration import AS_THEY_COME, Calibration
from pipeline.alert.candidates import Candidate
from pipeline.alert.selection.judge import MAX_JUDGED, Judge
from pipeline.alert.selection.selector import Selection, Selector
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.answers import Choice
from pipeline.messages import Entity, SelectionMethod

CUBA = Entity(text="Cu\u200bba", type="LOC", start=3, end=8, score=0.9)
STORM, FLOOD, RAIN = (
    Candidate("Storm", CUBA, 1, first_sample=0, log_probability=-9.0),
    Candidate("Flood", CUBA, 3, first_sample=2, log_probability=-2.0),
    Candidate("Rain", CUBA, 3, first_sample=1, log_probability=-2.5),
)
CANDIDATES = [STORM, FLOOD, RAIN]


class JudgingLlm:
    """A FAKE LLM client: it judges by the theme that a chat shows, or fails."""

    def __init__(self, truths: dict[str, float | None], error: Exception | None = None) -> None:
        self.truths = truths
        self.error = error
        self.requests: list[list[str]] = []

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, *, max_tokens: int, seed: int
    ) -> list[float | None]:
        self.requests.append([chat[-1]["content"] for chat in chats])
        if self.error:
            raise self.error
        return [
            next(truth for theme, truth in self.truths.items() if f"<alert>{theme}: " in turn)
            for turn in self.requests[-1]
        ]

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        raise AssertionError("the judge decides, not a choice")


async def selected(
    candidates: Sequence[Candidate],
    llm: JudgingLlm,
    *,
    ref: str | None = "judge-v1",
    calibration: Calibration = AS_THEY_COME,
) -> Selection:
    judge = Judge(load_prompt(ref) if ref else None, calibration, max_tokens=5)
    selector = Selector("judge", llm, load_prompt("selection-v2"), judge, max_tokens=9)
    return await selector.select(candidates, post="a storm", seed=1)


async def test_the_truest_candidate_is_chosen_and_its_truth_is_the_confidence() -> None:
    """All are asked about in one request, with their entities as prompts show them."""
    llm = JudgingLlm({"Storm": 0.9, "Flood": 0.4, "Rain": 0.1})
    choice = await selected(CANDIDATES, llm)
    [turns] = llm.requests
    assert turns == [
        f"<post>a storm</post>\n<alert>{theme}: Cuba</alert>" for theme in ("Flood", "Rain", "Storm")
    ]
    assert (choice.index, choice.method, choice.prompt) == (0, SelectionMethod.JUDGE, "judge-v1")
    assert choice.confidence == pytest.approx(0.9)
    assert choice.candidates is not None
    assert [candidate.truth for candidate in choice.candidates] == [0.9, 0.4, 0.1]


async def test_the_writers_own_verdicts_are_taken_without_asking() -> None:
    """They came with the samples, so no request is made and no prompt is named."""
    llm = JudgingLlm({})
    judged = [replace(STORM, truth=0.2), replace(FLOOD, truth=0.7), RAIN]
    choice = await selected(judged, llm, ref=None)
    assert llm.requests == []
    assert (choice.index, choice.method, choice.prompt) == (1, SelectionMethod.JUDGE, None)


async def test_a_single_candidate_is_judged_too() -> None:
    """It may be false: its confidence is what holds it back."""
    choice = await selected([STORM], JudgingLlm({"Storm": 0.05}))
    assert (choice.index, choice.method) == (0, SelectionMethod.JUDGE)
    assert choice.confidence == pytest.approx(0.05)


async def test_the_calibration_makes_the_confidence_and_not_the_order() -> None:
    """A slope below 1 and a negative offset bring a judge that is too sure down."""
    llm = JudgingLlm({"Storm": 0.99, "Flood": 0.9, "Rain": 0.1})
    choice = await selected(CANDIDATES, llm, calibration=Calibration(slope=0.5, offset=-1.0))
    assert choice.index == 0
    assert choice.confidence == pytest.approx(0.7855, abs=1e-3)


async def test_the_writers_likelihood_may_count_in_the_choice() -> None:
    """Of two alerts that are about as true, the one that the writer finds likelier is better."""
    llm = JudgingLlm({"Storm": 0.92, "Flood": 0.9, "Rain": 0.1})
    choice = await selected(CANDIDATES, llm, calibration=Calibration(likelihood_weight=0.2))
    assert choice.index == 1
    assert choice.confidence == pytest.approx(0.9)


@pytest.mark.parametrize(
    "llm",
    [
        JudgingLlm({}, LlmRefusedError("no")),
        JudgingLlm({}, LlmUnavailableError("away")),
        JudgingLlm({"Storm": None, "Flood": None, "Rain": None}),
    ],
)
async def test_without_a_verdict_the_likeliest_is_taken_without_a_confidence(llm: JudgingLlm) -> None:
    """The candidates are good even if nobody judges them; a share of likelihood would pass for a truth."""
    choice = await selected(CANDIDATES, llm)
    assert (choice.index, choice.method) == (1, SelectionMethod.JUDGE_FALLBACK)
    assert choice.confidence is None


async def test_only_the_most_frequent_of_many_are_judged() -> None:
    """The bound keeps one post from costing many questions."""
    many = [Candidate(f"Storm {chr(97 + n)}", CUBA, 1 if n < 4 else 2) for n in range(MAX_JUDGED + 4)]
    llm = JudgingLlm({f"Storm {chr(97 + n)}": 0.5 for n in range(MAX_JUDGED + 4)})
    choice = await selected(many, llm)
    [turns] = llm.requests
    assert len(turns) == MAX_JUDGED
    assert choice.candidates is not None
    assert [candidate.truth for candidate in choice.candidates] == [None] * 4 + [0.5] * MAX_JUDGED
