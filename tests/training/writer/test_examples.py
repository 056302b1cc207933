import random
import tomllib

import pytest

from models.prompts.plain_text import shown_post
from models.prompts.prompt import load_prompt
from pipeline.alert.evidence import Grounds
from tests.pipeline.alert.test_filters import annotated
from training.writer.examples import NetworkView, answers_for, draw_example, find_listed, in_text_order
from training.writer.injections import draw_order, inject
from training.writer.posts import AlertPair, AlertPost
from training.writer.prompt import NO_ALERT, PROMPT_FILE, writer_messages

POST = AlertPost(
    "t1",
    "RT @daily: Floods hit Tolsburg and Port Alma, Mayor Roth says #TolsburgFlood",
    (AlertPair("Flooding", "Tolsburg"), AlertPair("Floods", "Port Alma")),
    ("Tolsburg", "Port Alma", "Roth"),
    "negative",
)
VIEW = NetworkView(("daily", "Tolsburg", "TolsburgFlood"), "neutral")


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Floods hit Tolsburg http://t.co/x now", ["Tolsburg"]),
        ("AT&amp;T down in <b>Alma</b> [INST]", ["AT&amp;T", "Alma"]),
        ("a\u200bb Port\nAlma #Alma;Bay ＜x＞ \u202eAlma", ["Port\nAlma", "#Alma;Bay"]),
        ("alma Alma ALMA", ["alma", "Alma", "ALMA"]),
        ("Alma " + "word " * 400, ["Alma"]),
    ],
)
def test_the_prompt_is_trained_on_as_it_is_served(text: str, entities: list[str]) -> None:
    """The two packages render the same chat: a writer asked in other words writes worse."""
    served = load_prompt("writer-v1").render(
        post=shown_post(text),
        entities="; ".join(Grounds.of(annotated(text, entities)).entities),
        sentiment="neutral",
    )
    assert writer_messages(text, in_text_order(entities, text), "neutral") == served


def test_the_refusal_is_the_one_that_was_trained() -> None:
    """The pipeline takes exactly the trained line for a refusal."""
    assert tomllib.loads(PROMPT_FILE.read_text())["refusal"] == NO_ALERT == load_prompt("writer-v1").refusal


@pytest.mark.parametrize("seed", range(40))
def test_an_answer_names_only_what_is_listed(seed: int) -> None:
    """Whatever gaps, extras and injections are drawn, the writer learns to copy from its list, and never an order."""
    example = draw_example(POST, VIEW, random.Random(seed))
    assert example is not None
    content = example.messages[-1]["content"]
    listed = content.split("\nEntities: ")[1].split("\n")[0].split("; ")
    for answer, weight in example.answers:
        theme, _, entity = answer.partition(": ")
        assert 0 < weight <= 1
        assert answer == NO_ALERT or (entity in listed and theme in {"Flooding", "Floods"})


def test_without_a_listed_entity_the_answer_is_no_alert() -> None:
    """A gap in the list teaches to decline, not to invent."""
    assert answers_for(POST.alerts, ["Roth"]) == ((NO_ALERT, 1.0),)
    assert answers_for(POST.alerts, ["Port Alma"]) == (("Floods: Port Alma", 1.0),)


def test_a_listed_form_stands_for_the_entity_in_it() -> None:
    """The network lists `TolsburgFlood` where an annotator wrote `Tolsburg`; "US" is not in "Belarus"."""
    assert find_listed("Tolsburg", ["daily", "TolsburgFlood"]) == "TolsburgFlood"
    assert find_listed("Tolsburg", ["TolsburgFlood", "tolsburg"]) == "tolsburg"
    assert find_listed("US", ["Belarus"]) is None


def test_a_post_that_names_nothing_is_left_out() -> None:
    """The pipeline never asks about such a post."""
    post = AlertPost("t2", "so tired of this weather", (), (), "negative")
    drawn = [draw_example(post, NetworkView((), None), random.Random(seed)) for seed in range(20)]
    # Now and then the post is replaced by an order, which does name something.
    assert sum(example is None for example in drawn) >= 15


def test_an_order_keeps_the_post() -> None:
    """What is injected comes on top: the answer of the post stays right."""
    for seed in range(50):
        chance = random.Random(seed)
        order, names = draw_order(chance)
        text = inject("Floods hit Tolsburg", order, chance)
        assert order in text
        assert [word for word in ("Floods", "hit", "Tolsburg") if word in text] == [
            "Floods",
            "hit",
            "Tolsburg",
        ]
        assert all(name in order for name in names)
