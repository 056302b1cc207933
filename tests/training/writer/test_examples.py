import random

import pytest

from models.prompts.prompt import load_prompt, prompt_fields
from pipeline.alert.evidence import Evidence
from tests.pipeline.samples import annotated
from training.writer.examples import (
    NO_ALERT,
    PROMPT,
    NetworkView,
    answers_for,
    draw_example,
    find_listed,
    in_text_order,
    writer_messages,
)
from training.writer.injections import draw_order, inject
from training.writer.posts import AlertPair, AlertPost

POST = AlertPost(
    "t1",
    "RT @daily: Floods hit Tolsburg and Port Alma, Mayor Roth says #TolsburgFlood",
    (AlertPair("Flooding", "Tolsburg"), AlertPair("Floods", "Port Alma")),
    ("Tolsburg", "Port Alma", "Roth"),
    "negative",
)
VIEW = NetworkView(("daily", "Tolsburg", "TolsburgFlood"), "neutral")


def test_the_prompt_of_training_shows_data_as_in_serving() -> None:
    """It shows post and entities as data, each entity once: with another prompt the writer writes worse."""
    text = "alma: <x>Floods</x> hit #Alma;Bay http://t.co/x \u202eALMA"
    system, turn = writer_messages(text, ["alma", "#Alma;Bay", "ALMA"], "neutral")
    assert system == {"role": "system", "content": "Write the alert."}
    assert turn["content"].splitlines() == [
        "Post: alma: ‹x›Floods‹/x› hit #Alma;Bay ALMA",
        "Entities: alma; Alma,Bay",
        "Sentiment: neutral",
        "Alert:",
    ]


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
def test_training_and_serving_make_the_same_prompt(text: str, entities: list[str]) -> None:
    """The pipeline lists the entities by code of its own: both must drop, order and shorten them in the same way."""
    evidence = Evidence.of(annotated(text, entities))
    served = load_prompt(PROMPT).render(**prompt_fields(text, evidence.entities, "neutral"))
    assert writer_messages(text, in_text_order(entities, text), "neutral") == served


def test_the_refusal_of_training_is_the_one_that_is_served() -> None:
    """The pipeline accepts only this line as a refusal."""
    assert load_prompt(PROMPT).refusal == NO_ALERT


@pytest.mark.parametrize("seed", range(40))
def test_an_answer_names_only_a_listed_entity(seed: int) -> None:
    """Whatever is drawn (gaps, extras, injections), the writer learns to copy from its list and to follow no order."""
    example = draw_example(POST, VIEW, random.Random(seed))
    assert example is not None
    content = example.messages[-1]["content"]
    listed = content.split("\nEntities: ")[1].split("\n")[0].split("; ")
    for answer, weight in example.answers:
        theme, _, entity = answer.partition(": ")
        assert 0 < weight <= 1
        assert answer == NO_ALERT or (entity in listed and theme in {"Flooding", "Floods"})


def test_without_a_listed_entity_the_answer_is_a_refusal() -> None:
    """A gap in the list teaches the writer to decline, not to invent."""
    assert answers_for(POST.alerts, ["Roth"]) == ((NO_ALERT, 1.0),)
    assert answers_for(POST.alerts, ["Port Alma"]) == (("Floods: Port Alma", 1.0),)


def test_a_listed_form_stands_for_the_entity_in_it() -> None:
    """The network may list `TolsburgFlood` for an annotator's `Tolsburg`; "US" is not in "Belarus"."""
    assert find_listed("Tolsburg", ["daily", "TolsburgFlood"]) == "TolsburgFlood"
    assert find_listed("Tolsburg", ["TolsburgFlood", "tolsburg"]) == "tolsburg"
    assert find_listed("US", ["Belarus"]) is None


def test_a_post_that_names_nothing_is_left_out() -> None:
    """The pipeline never asks about such a post."""
    post = AlertPost("t2", "so tired of this weather", (), (), "negative")
    drawn = [draw_example(post, NetworkView((), None), random.Random(seed)) for seed in range(20)]
    # Sometimes the post is replaced by an order, which does name something.
    assert sum(example is None for example in drawn) >= 15


def test_an_injected_order_does_not_change_the_answer() -> None:
    """The order is added to the post, whose answer stays right."""
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
