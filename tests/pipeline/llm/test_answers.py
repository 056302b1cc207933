from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.llm.answers import (
    Answer,
    Choice,
    Sample,
    Token,
    after_thinking,
    chosen_index,
    option_probabilities,
    read_completion,
    to_choice,
    to_sample,
)


def body(*choices: dict[str, Any], **usage: int) -> bytes:
    return json.dumps({"choices": choices} | ({"usage": usage} if usage else {})).encode()


@pytest.mark.parametrize(
    ("choice", "answer"),
    [
        ({"message": {"content": "a"}}, Answer("a")),
        ({"message": {"content": None}}, Answer("")),
        ({"message": {"refusal": "no", "content": None}, "finish_reason": "stop"}, Answer("")),
        ({"text": "a", "finish_reason": "length"}, Answer("a", is_cut=True)),
        ({"message": {"content": "a"}, "logprobs": None}, Answer("a")),
        (
            {
                "message": {"content": "a"},
                "logprobs": {
                    "content": [
                        {"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]},
                        {"token": "", "logprob": None},
                    ]
                },
            },
            Answer("a", (Token("a", -1.0, {"b": -2.0}), Token("", -9999.0))),
        ),
        (
            {"text": "a", "logprobs": {"token_logprobs": [-1, None], "top_logprobs": [{"b": -2}, {}]}},
            Answer("a", (Token("", -1.0, {"b": -2.0}), Token("", -9999.0))),
        ),
        ({"text": "", "logprobs": {"token_logprobs": [], "top_logprobs": []}}, Answer("", ())),
        ({"message": {"content": "a"}, "logprobs": {"content": []}}, Answer("a", ())),
    ],
)
def test_every_form_of_answer_is_read(choice: dict[str, Any], answer: Answer) -> None:
    """Chats, texts, and both forms of log-probabilities; a missing one stands for next to impossible."""
    assert read_completion(body(choice)).answers == [answer]


@pytest.mark.parametrize(
    "bad", [b"{}", body(), body({}), body({"text": 3}), b'{"choices": [1]}', b"\xff", b'"']
)
def test_a_body_without_answers_is_refused(bad: bytes) -> None:
    """It is not read as an empty answer."""
    with pytest.raises(ValueError, match=r".+"):
        read_completion(bad)


def test_tokens_that_the_server_does_not_count_are_counted() -> None:
    """llama.cpp counts only one of several choices, but lists the tokens of all."""
    choice = {"text": "a", "logprobs": {"token_logprobs": [-1, -1, -1], "top_logprobs": []}}
    found = read_completion(body(choice, choice, prompt_tokens=5, completion_tokens=3))
    assert (found.prompt_tokens, found.completion_tokens) == (5, 6)


def test_thinking_is_taken_away() -> None:
    """What comes before the end of the thinking is not the answer. Thinking without an end leaves no answer."""
    assert after_thinking("<think>1 or 2?</think>\nStorm: Cuba") == "Storm: Cuba"
    assert after_thinking("the template opened it</think>Storm: Cuba") == "Storm: Cuba"
    assert after_thinking("<think>Storm: Cuba, no,") == ""
    assert after_thinking("<think>a</think>b<think>c") == ""
    assert chosen_index("<think>1? 2? 3?</think> 02", 3) == 1


def test_a_sample_that_thought_has_no_likelihood() -> None:
    """The probability of the thought is not that of the answer."""
    tokens = (Token(" a", -1.0), Token(" ", -2.0))
    assert to_sample(Answer(" a ", tokens)) == Sample("a", -3.0)
    assert to_sample(Answer("<think>b</think>a", tokens)) == Sample("a", None)
    assert to_sample(Answer("a")) == Sample("a", None)


def test_a_choice_sums_the_spellings_of_its_number() -> None:
    """ "2" and " 2" are two tokens of one option; tokens of no option are left out, and the rest sums to one."""
    first = {"2": -1.0, " 2": -1.0, "1": -2.0, "10": -0.1, "The": -0.1, "9": -0.1, "²": -0.1}
    choice = to_choice(Answer("2", (Token("2", -1.0, first),)), 3)
    assert choice.index == 1
    assert choice.probabilities is not None
    assert sum(choice.probabilities) == pytest.approx(1.0)
    assert choice.probabilities[1] / choice.probabilities[0] == pytest.approx(2 * 2.71828, rel=1e-4)
    assert choice.probabilities[2] == 0.0
    assert to_choice(Answer("none"), 3) == Choice("none", None, None)


@given(st.dictionaries(st.text(max_size=3), st.floats(max_value=5.0)), st.integers(1, 9))
def test_probabilities_are_probabilities(first: dict[str, float], num_options: int) -> None:
    """Whatever a server says about its tokens: none, or one for each option, with sum one."""
    found = option_probabilities(first, num_options)
    if found is not None:
        assert len(found) == num_options
        assert all(0 <= value <= 1 for value in found)
        assert sum(found) == pytest.approx(1.0)
