from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from models.prompts.prompt import ChatMessage
from training.writer.judging import JudgedExample, judge_posts, ranking
from training.writer.posts import AlertPair, AlertPost, JudgedAlert

POST = AlertPost(
    "v1",
    "No fire at Rivo",
    (AlertPair("False alarm", "Rivo"),),
    ("Rivo",),
    "neutral",
    (
        JudgedAlert(AlertPair("Fire", "Rivo"), is_true=False),
        JudgedAlert(AlertPair("Fire", "Paris"), is_true=False),
    ),
)
WORDS = {"yes": 1, "no": 2}


def example(logit: float, *, is_true: bool) -> JudgedExample:
    return JudgedExample("v1", "a: b", is_true, logit)


class WordTokenizer:
    """A FAKE tokenizer: a verdict is one token, any other character is token 3."""

    eos_token_id = 0

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        head, line, last = text.rpartition("\n")
        if last in WORDS:
            return [3] * len(head + line) + [WORDS[last]]
        return [3] * len(text)

    def apply_chat_template(self, messages: list[ChatMessage], **_: object) -> str:
        return messages[-1]["content"]


class LengthModel:
    """A FAKE language model: the log odds of "yes" are the position at which it is asked."""

    lm_head = staticmethod(lambda states: states)

    def model(self, *, position_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        states = nn.functional.one_hot(torch.ones_like(position_ids), 4) * position_ids[..., None]
        return SimpleNamespace(last_hidden_state=states.float())


def test_each_alert_of_a_listed_entity_is_judged_where_its_verdict_stands() -> None:
    """An alert whose entity the prompt cannot list is left out, as the pipeline would drop it."""
    true, false = judge_posts(LengthModel(), WordTokenizer(), [POST])
    assert (true.alert, true.is_true) == ("False alarm: Rivo", True)
    assert (false.alert, false.is_true) == ("Fire: Rivo", False)
    # The odds are read at the line break after the alert.
    assert true.logit - false.logit == len("False alarm") - len("Fire")


def test_ranking_is_the_share_of_pairs_in_the_right_order() -> None:
    """A tie counts half; without a pair there is no figure."""
    right, wrong = example(1.0, is_true=True), example(0.0, is_true=False)
    assert ranking([right, wrong]) == 1.0
    assert ranking([right, wrong, example(1.0, is_true=False)]) == pytest.approx(0.75)
    assert ranking([right]) is None
