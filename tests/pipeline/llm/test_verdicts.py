"""Verdicts: on the line after a sampled alert, and as the whole answer of a judge."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.prompt import Verdict, load_prompt
from pipeline.llm.answers import Answer, Sample, Token, read_completion, to_sample, truth_of

VERDICT = Verdict("yes", "no")
# "Flood: Alma", its line break, the verdict, the end of the turn.
ALERT = [("Fl", -0.5), ("ood", -0.1), (":", 0.0), (" Alma", -0.4)]
YES = math.log(0.6)
NO = math.log(0.2)


def text_of(tokens: list[tuple[str, float]]) -> str:
    """Return the text: a server leaves special tokens out of it, but not out of the list."""
    return "".join(text for text, _ in tokens if not text.startswith("<|"))


def llama_cpp(tokens: list[tuple[str, float]], verdict: dict[str, float]) -> dict[str, Any]:
    """Return a choice as llama.cpp writes it: a list of tokens, each with its alternatives."""
    content = [
        {
            "token": text,
            "logprob": value,
            "top_logprobs": [
                {"token": other, "logprob": known}
                for other, known in (verdict if text in verdict else {text: value}).items()
            ],
        }
        for text, value in tokens
    ]
    return {"text": text_of(tokens), "logprobs": {"content": content}}


def vllm(tokens: list[tuple[str, float]], verdict: dict[str, float]) -> dict[str, Any]:
    """Return a choice as vLLM's text form writes it: parallel lists."""
    return {
        "text": text_of(tokens),
        "logprobs": {
            "tokens": [text for text, _ in tokens],
            "token_logprobs": [value for _, value in tokens],
            "top_logprobs": [verdict if text in verdict else {text: value} for text, value in tokens],
        },
    }


def chat(tokens: list[tuple[str, float]], verdict: dict[str, float]) -> dict[str, Any]:
    """Return a choice of a chat."""
    choice = llama_cpp(tokens, verdict)
    return {"message": {"content": choice.pop("text")}, **choice}


def read(choice: dict[str, Any]) -> Answer:
    [answer] = read_completion(json.dumps({"choices": [choice]}).encode()).answers
    return answer


@pytest.mark.parametrize("form", [llama_cpp, vllm, chat])
@pytest.mark.parametrize("said", ["yes", "no"])
def test_a_sample_has_its_alert_and_its_verdict(form: Any, said: str) -> None:
    """The probability is that of yes against no, whichever was sampled; the alert's likelihood is its own."""
    verdict = {"yes": YES, "no": NO, "maybe": -1.7}
    tokens = [*ALERT, ("\n", -0.01), (said, verdict[said]), ("<|im_end|>", -0.3)]
    sample = to_sample(read(form(tokens, verdict)), VERDICT)
    assert sample.truth == pytest.approx(0.75)
    assert sample.log_probability == pytest.approx(-1.0)
    assert sample.text.splitlines()[0] == "Flood: Alma"


def test_the_alert_is_as_likely_with_a_verdict_as_without() -> None:
    """Selection by likelihood does not change when the writer judges."""
    verdict = {"yes": YES, "no": NO}
    judged = to_sample(read(llama_cpp([*ALERT, ("\n", -0.7), ("yes", YES)], verdict)), VERDICT)
    assert judged == Sample("Flood: Alma", pytest.approx(-1.0), pytest.approx(0.75))  # type: ignore[arg-type]
    assert to_sample(read(llama_cpp(ALERT, {}))).log_probability == judged.log_probability


@pytest.mark.parametrize("form", [llama_cpp, vllm, chat])
@pytest.mark.parametrize("end", ["", "<|im_end|>", None])
def test_an_alert_is_as_likely_under_both_writer_prompts(form: Any, end: str | None) -> None:
    """Servers list the end of an answer as an empty token, as a special one or not at all: it counts in neither."""
    ended = [] if end is None else [(end, -0.3)]
    first, second = load_prompt("writer-v1").verdict, load_prompt("writer-v2").verdict
    alone = to_sample(read(form([*ALERT, *ended], {})), first)
    judged = to_sample(read(form([*ALERT, ("\n", -0.7), ("no", NO), *ended], {"yes": YES, "no": NO})), second)
    assert (alone.text, alone.truth, judged.text) == ("Flood: Alma", None, "Flood: Alma")
    assert judged.truth == pytest.approx(0.75)
    assert alone.log_probability == pytest.approx(-1.0)
    assert judged.log_probability == alone.log_probability


def test_tokens_without_texts_are_all_counted() -> None:
    """vLLM may leave the texts out: then no token is known to end the answer."""
    tokens = (Token("", -1.0), Token("", -2.0))
    assert to_sample(Answer("Flood: Alma", tokens)).log_probability == -3.0


@pytest.mark.parametrize("form", [llama_cpp, vllm, chat])
@pytest.mark.parametrize(
    ("spelling", "known", "truth"),
    [
        (["yes"], {"yes": YES, "no": NO}, 0.75),
        (
            [" Yes"],
            {" Yes": math.log(0.3), "yes": math.log(0.3), "no": math.log(0.1), " No": math.log(0.1)},
            0.75,
        ),
        (["no"], {"no": math.log(0.9)}, 0.1),  # the chosen token alone: what is left may be yes
        (["y", "es"], {}, 1.0),  # no single token says it: the word counts
        (["n", "o", "."], {}, 0.0),
    ],
)
def test_a_verdict_is_read_however_it_is_spelt(
    form: Any, spelling: list[str], known: dict[str, float], truth: float
) -> None:
    """In a sample and as a whole answer, in every form of the answer."""
    said = [(text, known.get(text, -0.2)) for text in spelling]
    sample = to_sample(read(form([*ALERT, ("\n", -0.01), *said], known)), VERDICT)
    assert sample.text == "Flood: Alma"
    assert sample.truth == pytest.approx(truth)
    assert sample.log_probability == pytest.approx(-1.0)
    answer = read(form(said, known))
    assert truth_of(answer, answer.text.strip(), VERDICT) == pytest.approx(truth)


@pytest.mark.parametrize("text", ["message", "text"])
@pytest.mark.parametrize(("said", "truth"), [("yes", 1.0), ("no", 0.0)])
def test_a_sample_without_log_probabilities_has_the_verdict_that_it_says(
    text: str, said: str, truth: float
) -> None:
    """The alert has no likelihood then, but a verdict."""
    whole = f"Flood: Alma\n{said}"
    choice = {"text": whole} if text == "text" else {"message": {"content": whole}}
    assert to_sample(read(choice), VERDICT) == Sample("Flood: Alma", None, truth)


@pytest.mark.parametrize(
    ("alternatives", "truth"),
    [
        ({"yes": math.log(0.3), " Yes": math.log(0.3), "no": math.log(0.2)}, 0.75),  # spelt by two tokens
        ({"yes": math.log(0.6)}, 0.6),  # the rest may be no
        ({}, 0.6),
        ({"yes": math.log(0.6), "maybe": math.log(0.2)}, 0.75),  # no is not likelier than the least known
    ],
)
def test_a_verdict_is_read_from_few_alternatives(alternatives: dict[str, float], truth: float) -> None:
    """A server may give the chosen token alone."""
    answer = Answer("yes", (Token("yes", alternatives.get("yes", YES), alternatives),))
    assert truth_of(answer, "yes", VERDICT) == pytest.approx(truth)


@pytest.mark.parametrize(
    ("text", "truth"), [("yes", 1.0), ("No.", 0.0), ("Yes, it does", 1.0), ("perhaps", None), ("", None)]
)
def test_without_probabilities_the_word_counts(text: str, truth: float | None) -> None:
    """What is neither word is no verdict."""
    assert truth_of(Answer(text), text, VERDICT) == truth


@pytest.mark.parametrize(
    "text", ["Flood: Alma", "NO VALID ALERT", "Flood: Alma\nperhaps", "Flood: Alma\n", "", "\n\n"]
)
def test_a_sample_without_a_verdict_is_not_judged(text: str) -> None:
    """A refusal has none, and a cut answer may lack it; the text stays as it is."""
    sample = to_sample(Answer(text), VERDICT)
    assert sample.truth is None
    assert sample.text == text.strip()


def test_a_refusal_has_the_likelihood_of_all_its_words() -> None:
    """Whether the writer declines depends on it. The token that ends the answer counts in no sample."""
    tokens = (Token("NO", -0.2), Token(" VALID", 0.0), Token(" ALERT", 0.0), Token("<|im_end|>", -0.1))
    sample = to_sample(Answer("NO VALID ALERT", tokens), VERDICT)
    assert sample.truth is None
    assert sample.log_probability == pytest.approx(-0.2)


def test_a_prompt_without_a_verdict_leaves_the_second_line_alone() -> None:
    """Only a prompt that asks for a verdict has one read."""
    assert to_sample(Answer("Flood: Alma\nyes")) == Sample("Flood: Alma\nyes")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Fl", "ood", ": ", "\n", "yes", "no", " ", "\nyes", "é"]), st.floats(-50, 0)
        )
    ),
    st.dictionaries(st.sampled_from(["yes", "no", "Yes", "x"]), st.floats(-2000, 5)),
)
def test_whatever_a_server_writes_a_truth_is_a_probability(
    tokens: list[tuple[str, float]], verdict: dict[str, float]
) -> None:
    """Odd tokens and impossible values give no verdict or a probability, and never an error."""
    for form in (llama_cpp, vllm, chat):
        truth = to_sample(read(form(tokens, verdict)), VERDICT).truth
        assert truth is None or 0 <= truth <= 1
