from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, shown_entity
from pipeline.alert.candidates import merge
from pipeline.alert.evidence import Grounds
from pipeline.alert.filters import FILTER_NAMES, judge
from pipeline.messages import AnnotatedPost, CheckpointRef, Entity, Origin, Post, Sentiment

TEXT = "Floods hit New Orleans again, FEMA and AT&amp;T send help. #NepalQuake appeal by U.S. on Monday"
ENTITIES = ["New Orleans", "FEMA", "AT&amp;T", "#NepalQuake", "U.S."]
_WORD = r"[^\W\d_]+(['’-][^\W\d_]+)*['’]?"
THEME = re.compile(rf"{_WORD}( {_WORD}){{0,2}}")


def annotated(
    text: str, entities: Sequence[str], *, post_id: str = "p1", sentiment: str | None = "negative"
) -> AnnotatedPost:
    """A post with these entities at the first place where each stands."""
    found = [
        Entity(
            text=entity, type="LOC", start=text.index(entity), end=text.index(entity) + len(entity), score=0.9
        )
        for entity in entities
    ]
    return AnnotatedPost(
        post=Post(id=post_id, text=text),
        entities=found,
        sentiment=Sentiment(label=sentiment, score=0.8) if sentiment else None,
        checkpoint=CheckpointRef(name="test", sha256="0" * 64),
        origin=Origin(topic="posts", partition=0, offset=1),
        stages=[],
    )


GROUNDS = Grounds.of(annotated(TEXT, ENTITIES), ["Factory fire", "Relief appeal"])


@pytest.mark.parametrize(
    ("sample", "verdict"),
    [
        ("Severe flooding: New Orleans", None),
        ("severe flooding: NEW  orleans", None),
        ("Alert: Severe flooding: FEMA.", None),
        ('- "Severe flooding: FEMA"\nbecause it floods', None),
        ("Network outage: AT&T", None),
        ("Network outage: AT&amp;T", None),
        ("Strong earthquake: NepalQuake", None),
        ("Strong earthquake: #nepalquake", None),
        ("Foreign aid: U.S.", None),
        ("Search-and-rescue: FEMA", None),
        ("Relief appeal: FEMA", None),
        ("Heroes' tribute: FEMA", None),
        ("May flooding: FEMA", None),
        ("", "form"),
        ("NO VALID ALERT", "form"),
        ("Severe flooding:", "form"),
        (": New Orleans", "form"),
        ("Very severe flooding again: New Orleans", "theme_length"),
        ("F" * 70 + ": FEMA", "theme_length"),
        ("2023-01-15: FEMA", "theme_words"),
        ("Flood 2: FEMA", "theme_words"),
        ("#flood @fema: FEMA", "theme_words"),
        ("Monday: FEMA", "theme_date"),
        ("Last August: FEMA", "theme_date"),
        ("Mid-August: FEMA", "theme_date"),
        ("Support at: FEMA", "theme_loose_end"),
        ("Flood in the: FEMA", "theme_loose_end"),
        ("Breaking news: FEMA", "theme_generic"),
        ("Update: FEMA", "theme_generic"),
        ("Negative: FEMA", "theme_generic"),
        ("Severe flooding: Houston", "entity_unknown"),
        ("Severe flooding: New Orleans and FEMA", "entity_unknown"),
        ("http://x.y: FEMA", "entity_unknown"),
        ("New Orleans flood: New Orleans", "entity_in_theme"),
        ("Orleans: New Orleans", "entity_in_theme"),
        ("Nepal quake: NepalQuake", "entity_in_theme"),
        ("FEMA: New Orleans", "theme_entity"),
        ("Nepal Quake: FEMA", "theme_entity"),
        ("NepalQuake: FEMA", "theme_entity"),
        ("Factory fire: New Orleans", "theme_copied_example"),
        ("Factory fires: New Orleans", "theme_copied_example"),
    ],
)
def test_each_rule_gives_its_verdict(sample: str, verdict: str | None) -> None:
    """A sample is valid, or the first rule that it breaks is named."""
    judged = judge(sample, GROUNDS)
    assert judged.rejected_by == verdict
    assert (judged.candidate is None) == (verdict is not None)
    assert verdict is None or verdict in FILTER_NAMES


def test_a_part_of_a_persons_name_is_no_theme() -> None:
    """Half a person's name is no theme, while a word of a place or an event may be one."""
    post = annotated(
        "Ruth Adeyemi saw the Boulder Flood in Colorado", ["Ruth Adeyemi", "Boulder Flood", "Colorado"]
    )
    post.entities[0] = msgspec.structs.replace(post.entities[0], type="PER")
    grounds = Grounds.of(post)
    assert judge("Adeyemi: Colorado", grounds).rejected_by == "theme_entity"
    assert judge("Flood: Colorado", grounds).rejected_by is None


def test_the_published_entity_is_the_posts_own_text() -> None:
    """Whatever case or escape the LLM writes, the entity is verbatim."""
    judged = judge("Network outage: at&t", GROUNDS)
    assert judged.candidate is not None
    assert judged.candidate.entity.text == "AT&amp;T"
    assert judged.candidate.theme == "Network outage"


def test_duplicates_are_merged_with_their_counts() -> None:
    """Case and doubled mentions do not make another candidate."""
    samples = ["Severe flooding: FEMA", "severe Flooding: fema", "Flood aid: FEMA", "nonsense"]
    merged = merge(judge(sample, GROUNDS) for sample in samples)
    assert [(candidate.theme, candidate.count) for candidate in merged] == [
        ("Severe flooding", 2),
        ("Flood aid", 1),
    ]


def test_merging_keeps_the_first_place_and_the_best_likelihood() -> None:
    """A candidate knows which sample said it first and how likely its likeliest was."""
    judged = [
        replace(judge(text, GROUNDS), log_probability=value)
        for text, value in [
            ("no", -1.0),
            ("Flood aid: FEMA", -5.0),
            ("flood aid: fema", -3.0),
            ("flood aid: fema", None),
        ]
    ]
    [candidate] = merge(judged)
    assert (candidate.count, candidate.first_sample, candidate.log_probability) == (3, 1, -3.0)


def test_the_most_certain_entities_are_listed_once_in_the_order_of_the_text() -> None:
    """A post full of names gives a short list."""
    names = [f"N{chr(97 + index)}" for index in range(20)]
    post = annotated(" ".join(names), [*names, "Nb"])
    grounds = Grounds.of(post)
    assert list(grounds.entities) == names[:MAX_SHOWN_ENTITIES]


def test_entities_that_nobody_sees_are_not_listed() -> None:
    """An entity of invisible characters is none."""
    assert not Grounds.of(annotated("a \u200b b", ["\u200b"])).entities


@given(st.text(), st.sampled_from(["", ": FEMA", ": new orleans", ": U.S."]))
def test_what_passes_keeps_the_rules(text: str, end: str) -> None:
    """Whatever an LLM writes, a candidate's theme is one to three words of letters and its entity the post's own."""
    candidate = judge(text + end, GROUNDS).candidate
    if candidate is not None:
        assert THEME.fullmatch(candidate.theme)
        assert candidate.entity.text in ENTITIES
        assert TEXT[candidate.entity.start : candidate.entity.end] == candidate.entity.text


@given(st.text(min_size=1))
def test_an_entity_is_known_by_the_form_that_prompts_show(text: str) -> None:
    """What the LLM copies from the list is found again."""
    grounds = Grounds.of(annotated(text, [text]))
    for form, entity in grounds.entities.items():
        assert form == shown_entity(text)
        assert grounds.find_entity(form) is entity
