from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters import Candidate
from pipeline.messages import Entity, SelectionMethod
from pipeline.prompts import ChatMessage, load_prompt
from pipeline.selection import Selection, majority, select, shuffle

CUBA = Entity(text="Cu\u200bba", type="LOC", start=3, end=8, score=0.9)
CANDIDATES = [Candidate("Storm", CUBA, 1), Candidate("Flood", CUBA, 3), Candidate("Rain", CUBA, 3)]


class Chooser:
    """A fake LLM client that always chooses the same."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.asked: list[tuple[str, int]] = []

    async def choose(
        self, messages: Sequence[ChatMessage], num_options: int, *, max_tokens: int, seed: int
    ) -> int | None:
        self.asked.append((messages[-1]["content"], num_options))
        return self.index


async def selected(candidates: Sequence[Candidate], chooser: Chooser) -> Selection:
    prompt = load_prompt("selection-v1")
    return await select(candidates, chooser, prompt, post="a storm", max_tokens=9, seed=1)


async def test_the_only_candidate_is_not_asked_about() -> None:
    """One candidate needs no request."""
    chooser = Chooser(0)
    assert await selected(CANDIDATES[:1], chooser) == Selection(0, SelectionMethod.ONLY_CANDIDATE)
    assert not chooser.asked


async def test_the_llm_chooses_among_numbered_options() -> None:
    """The LLM sees the post and every candidate under its number, entities cleaned."""
    chooser = Chooser(2)
    assert await selected(CANDIDATES, chooser) == Selection(2, SelectionMethod.LLM)
    [(turn, num_options)] = chooser.asked
    assert num_options == 3
    assert "<post>a storm</post>" in turn
    assert "1. Storm: Cuba\n2. Flood: Cuba\n3. Rain: Cuba\n" in turn


async def test_an_unusable_answer_falls_back_to_the_majority() -> None:
    """Where the LLM names no option, what most samples said is published, the first of equals."""
    assert await selected(CANDIDATES, Chooser(None)) == Selection(1, SelectionMethod.MAJORITY_FALLBACK)
    assert majority(CANDIDATES) == 1


@given(st.permutations(CANDIDATES), st.integers(min_value=0))
def test_the_order_depends_on_the_seed_alone(candidates: list[Candidate], seed: int) -> None:
    """However the samples came in, the LLM sees the same order again."""
    assert shuffle(candidates, seed) == shuffle(CANDIDATES, seed)


def test_different_seeds_give_different_orders() -> None:
    """No candidate has a fixed place."""
    assert {shuffle(CANDIDATES, seed)[0].theme for seed in range(30)} == {"Storm", "Flood", "Rain"}
