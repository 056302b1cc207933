from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.prompt import ChatMessage, Verdict, load_prompt
from models.writers.calibration import AS_THEY_COME
from pipeline.alert.candidates import Candidate
from pipeline.alert.selection.judge import Judge
from pipeline.alert.selection.selector import MAX_OPTIONS, Selection, Selector, by_likelihood, shuffle
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.answers import Choice
from pipeline.messages import Entity, SelectionMethod
from pipeline.settings.checks import SelectionName

PROMPT = "selection-v2"
CUBA = Entity(text="Cu\u200bba", type="LOC", start=3, end=8, score=0.9)
CANDIDATES = [
    Candidate("Storm", CUBA, 1, first_sample=0, log_probability=-9.0),
    Candidate("Flood", CUBA, 3, first_sample=2, log_probability=-2.0),
    Candidate("Rain", CUBA, 3, first_sample=1, log_probability=-2.5),
]


class Chooser:
    """A fake LLM client that always makes the same choice."""

    def __init__(
        self, index: int | None, text: str = "", probabilities: tuple[float, ...] | None = None
    ) -> None:
        self.choice = Choice(text, index, probabilities)
        self.asked: list[tuple[str, int]] = []

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> Choice:
        self.asked.append((messages[-1]["content"], num_options))
        return self.choice

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, *, max_tokens: int, seed: int
    ) -> list[float | None]:
        raise AssertionError("no method here asks the judge")


async def selected(
    candidates: Sequence[Candidate], chooser: Chooser, name: SelectionName = "llm"
) -> Selection:
    judge = Judge(load_prompt("judge-v1"), AS_THEY_COME, max_tokens=9)
    selector = Selector(name, chooser, load_prompt(PROMPT), judge, max_tokens=9)
    return await selector.select(candidates, post="a storm", seed=1)


@pytest.mark.parametrize("name", ["llm", "majority", "likelihood", "first"])
async def test_the_only_candidate_is_not_asked_about(name: SelectionName) -> None:
    """A single candidate needs no method, and has no confidence."""
    chooser = Chooser(0)
    assert await selected(CANDIDATES[:1], chooser, name) == Selection(0, SelectionMethod.ONLY_CANDIDATE)
    assert not chooser.asked


async def test_the_llm_chooses_among_numbered_options() -> None:
    """The LLM sees the post and every candidate under its number, with entities cleaned; the last option is none."""
    chooser = Chooser(2, probabilities=(0.1, 0.2, 0.6, 0.1))
    assert await selected(CANDIDATES, chooser) == Selection(2, SelectionMethod.LLM, 0.6, PROMPT)
    [(turn, num_options)] = chooser.asked
    assert num_options == 4
    assert "<post>a storm</post>" in turn
    assert "1. Storm: Cuba\n2. Flood: Cuba\n3. Rain: Cuba\n4. None of these\n" in turn


async def test_the_llm_may_find_none_good_enough() -> None:
    """The option after the last candidate chooses none of them."""
    assert await selected(CANDIDATES, Chooser(3)) == Selection(None, SelectionMethod.LLM, prompt=PROMPT)


async def test_an_answer_that_repeats_one_option_is_understood() -> None:
    """A server without grammars may answer in words; if it repeats two options, neither is chosen."""
    named = await selected(CANDIDATES, Chooser(None, "The best is rain: cuba."))
    assert named == Selection(2, SelectionMethod.LLM_WORDS, prompt=PROMPT)
    refused = await selected(CANDIDATES, Chooser(None, "None of these"))
    assert refused == Selection(None, SelectionMethod.LLM_WORDS, prompt=PROMPT)
    both = await selected(CANDIDATES, Chooser(None, "Rain: Cuba or Flood: Cuba"))
    assert both.method is SelectionMethod.MAJORITY_FALLBACK


async def test_an_unusable_answer_falls_back_to_the_majority() -> None:
    """If the LLM names no option, the candidate that most samples say wins; its confidence is its share of them."""
    expected = Selection(1, SelectionMethod.MAJORITY_FALLBACK, 3 / 7, PROMPT)
    assert await selected(CANDIDATES, Chooser(None)) == expected


@pytest.mark.parametrize("error", [LlmRefusedError("too long"), LlmUnavailableError("away for long")])
async def test_a_refused_question_falls_back_too(error: Exception) -> None:
    """Candidates are not lost because the LLM cannot be asked about them."""

    class Refusing(Chooser):
        async def choose(self, messages: Sequence[ChatMessage], num_options: int, **options: int) -> Choice:
            raise error

    assert (await selected(CANDIDATES, Refusing(0))).method is SelectionMethod.MAJORITY_FALLBACK


async def test_the_llm_sees_the_most_frequent_of_many() -> None:
    """One digit numbers only the most frequent candidates; the answer is still the index among all of them."""
    many = [Candidate(f"Storm {chr(97 + n)}", CUBA, 1 if n < 4 else 2) for n in range(MAX_OPTIONS + 4)]
    chooser = Chooser(MAX_OPTIONS - 1)
    assert (await selected(many, chooser)).index == len(many) - 1
    assert "Storm d" not in chooser.asked[0][0]
    assert chooser.asked[0][1] == MAX_OPTIONS + 1


async def test_likelihood_takes_the_likeliest() -> None:
    """The best log-probability wins; its share is the confidence, even if the probabilities are very small."""
    expected = 1 / (1 + math.exp(-0.5) + math.exp(-7))
    for shift in (0.0, -5000.0):
        moved = [replace(one, log_probability=(one.log_probability or 0) + shift) for one in CANDIDATES]
        selection = by_likelihood(moved)
        assert (selection.index, selection.method) == (1, SelectionMethod.LIKELIHOOD)
        assert selection.confidence == pytest.approx(expected)


async def test_likelihood_without_log_probabilities_falls_back_to_the_majority() -> None:
    """The method says that the server gives no log-probabilities."""
    candidates = [replace(CANDIDATES[0], log_probability=None), *CANDIDATES[1:]]
    assert by_likelihood(candidates) == Selection(1, SelectionMethod.MAJORITY_FALLBACK, 3 / 7)


async def test_first_takes_the_first_sample() -> None:
    """The order in which the LLM would see the candidates does not count."""
    assert await selected(CANDIDATES[::-1], Chooser(0), "first") == Selection(2, SelectionMethod.FIRST)


@given(st.permutations(CANDIDATES), st.integers(min_value=0))
def test_the_order_depends_only_on_the_seed(candidates: list[Candidate], seed: int) -> None:
    """The order of the samples does not change the order that the LLM sees."""
    assert shuffle(candidates, seed) == shuffle(CANDIDATES, seed)


def test_different_seeds_give_different_orders() -> None:
    """No candidate has a fixed position."""
    assert {shuffle(CANDIDATES, seed)[0].theme for seed in range(30)} == {"Storm", "Flood", "Rain"}
