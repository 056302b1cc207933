from __future__ import annotations

from pipeline.llm.answers import after_thinking, chosen_index


def test_thinking_is_taken_away() -> None:
    """What comes before the end of thinking is no answer, and thinking that never ends leaves none."""
    assert after_thinking("<think>1 or 2?</think>\nStorm: Cuba") == "Storm: Cuba"
    assert after_thinking("the template opened it</think>Storm: Cuba") == "Storm: Cuba"
    assert after_thinking("<think>Storm: Cuba, no,") == ""
    assert after_thinking("<think>a</think>b<think>c") == ""
    assert chosen_index("<think>1? 2? 3?</think> 02", 3) == 1
