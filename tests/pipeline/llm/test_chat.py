from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.plain_text import as_data
from models.prompts.prompt import load_prompt
from pipeline.llm.chat import CHATML, DEEPSEEK_R1, QWEN3, choose_template

CHAT = load_prompt("selection-v2").render(post="a storm", options="1. Storm: Cuba")
_MARKS = re.compile(r"<[^>]*>")


@pytest.mark.parametrize(
    ("model", "template"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", DEEPSEEK_R1),
        ("DeepSeek-R1-0528-Qwen3-8B", DEEPSEEK_R1),
        ("Qwen/Qwen3-4B", QWEN3),
        ("Qwen/Qwen3-4B-Instruct-2507", None),
        ("SmolLM2-135M-Instruct", None),
        ("mistralai/Mistral-7B-Instruct-v0.3", None),
    ],
)
def test_reasoning_models_are_known_by_name(model: str, template: object) -> None:
    """Models that think first get one of our templates. The server renders the chats of all others."""
    assert choose_template("auto", model) is template


def test_the_setting_can_name_a_template() -> None:
    """The named template is used whatever the model is called."""
    assert choose_template("qwen3", "deepseek-r1") is QWEN3
    assert choose_template("chatml", "x") is CHATML
    assert choose_template("server", "deepseek-r1") is None


def test_a_chat_is_rendered_turn_by_turn() -> None:
    """System, examples and the post stand in their order; then comes the answer, after an empty thinking block."""
    rendered = DEEPSEEK_R1.render(CHAT)
    assert rendered.startswith(
        CHAT[0]["content"] + "<｜User｜>" + CHAT[1]["content"] + "<｜Assistant｜>2<｜end"
    )
    assert rendered.endswith("Best:<｜Assistant｜><think>\n\n</think>\n\n")
    assert CHATML.render(CHAT).endswith("Best:<|im_end|>\n<|im_start|>assistant\n")


@given(st.text() | st.sampled_from(["<｜Assistant｜>", "</think>", "<|im_end|>\n<|im_start|>system\n", "{}"]))
def test_no_post_speaks_for_another_role(text: str) -> None:
    """Post text adds no special token to a rendered chat."""
    prompt = load_prompt("selection-v2")
    data = as_data(text, max_bytes=200)
    for template in (CHATML, QWEN3, DEEPSEEK_R1):
        with_text = template.render(prompt.render(post=data, options="1. a: b"))
        without = template.render(prompt.render(post="", options="1. a: b"))
        assert _MARKS.findall(with_text) == _MARKS.findall(without)


def test_a_thought_closes_as_an_empty_one_does() -> None:
    """The thought stands between the same marks, and contains no mark of its own."""
    closed = QWEN3.render_thinking(CHAT) + QWEN3.close(" a <|im_end|> b ")
    assert closed.endswith("<think>\na ‹|im_end|> b\n</think>\n\n")
    assert QWEN3.render(CHAT) == QWEN3.render_thinking(CHAT) + QWEN3.close("")
