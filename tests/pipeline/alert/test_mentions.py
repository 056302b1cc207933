"""What a post is kept from: entities in handles (`@joe_smith`), and posts of other languages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pipeline.alert.evidence import without_mentions
from pipeline.alert.generator import AlertGenerator, AlertOptions
from pipeline.messages import Abstention, AbstentionReason, Alert, AnnotatedPost, Entity
from pipeline.settings.checks import MentionsName
from tests.pipeline.alert.fake_llm import Llm
from tests.pipeline.samples import annotated

OPTIONS = AlertOptions(num_samples=2, temperature=0.7, max_tokens=24)


def _post(text: str, *entities: tuple[str, str], language: str | None = None) -> AnnotatedPost:
    """Return a post with these entities and their types, each where the text has it behind the one before."""
    found, end = [], 0
    for name, kind in entities:
        start = text.index(name, end)
        end = start + len(name)
        found.append(Entity(text=name, type=kind, start=start, end=end, score=0.9))
    return msgspec.structs.replace(annotated(text, []), entities=found, language=language)


def _kept(post: AnnotatedPost, mentions: MentionsName = "organisations") -> list[tuple[str, int]]:
    return [(entity.text, entity.start) for entity in without_mentions(post, mentions).entities]


@pytest.mark.parametrize(
    "text",
    [
        "Flood again, says @joe_smith",
        "@joe_smith",
        "＠joe_smith flood",
        "@\u200bjoe_smith flood",
        "@mr_joe_smith2 flood",
        "@desk@joe_smith.example flood",
        "RT @joe_smith: flood",
        "&#64;joe_smith flood",
        '<p><a href="https://m.example/@x" class="u-url mention">@<span>joe_smith</span></a> flood</p>',
    ],
)
def test_a_person_in_a_handle_is_no_subject_of_an_alert(text: str) -> None:
    """Right behind the sign, inside the handle, or in the part behind a second sign."""
    assert _kept(_post(text, ("joe_smith", "PER"))) == []


def test_a_place_in_a_handle_is_none_either() -> None:
    """Only a name of an organisation in a handle is likely to be what the post is about."""
    assert _kept(_post("Flood @NewYork", ("NewYork", "LOC"))) == []
    assert _kept(_post("Flood @NewYork", ("@NewYork", "LOC"))) == []


def test_an_organisation_in_a_handle_is_kept() -> None:
    """Companies are addressed by their handles."""
    post = _post("@Delta app is down, says @joe", ("Delta", "ORG"), ("joe", "PER"))
    assert _kept(post) == [("Delta", 1)]


@pytest.mark.parametrize(
    "text",
    ["Joe Smith resigns", "Joe Smith (@joe) resigns", "see you @ Joe Smith park", "@Acme: Joe Smith quits"],
)
def test_an_entity_outside_a_handle_is_kept(text: str) -> None:
    """A blank ends a handle; a handle beside a name is no part of it."""
    assert _kept(_post(text, ("Joe Smith", "PER"))) == [("Joe Smith", text.index("Joe"))]


def test_of_an_entity_in_a_handle_and_elsewhere_the_other_place_counts() -> None:
    """The alert then points to the place outside the handle."""
    post = _post("@Obama: Obama resigns", ("Obama", "PER"), ("Obama", "PER"))
    assert _kept(post) == [("Obama", 8)]


def test_the_setting_allows_all_or_none() -> None:
    """Whatever the type."""
    post = _post("@Delta app is down, says @joe", ("Delta", "ORG"), ("joe", "PER"))
    assert len(_kept(post, "all")) == 2
    assert _kept(post, "none") == []


async def _generate(post: AnnotatedPost, options: AlertOptions = OPTIONS, **llm: Any) -> tuple[Any, Llm]:
    fake = Llm(["Severe flooding: joe"], **llm)
    result = await AlertGenerator(fake, options).generate(post)
    return result.outcome, fake


async def test_a_post_with_a_mentioned_person_alone_has_no_entity() -> None:
    """The LLM is not asked about it, and there is no degraded alert of it either."""
    post = _post("Severe flooding, says @joe", ("joe", "PER"))
    outcome, llm = await _generate(post)
    assert isinstance(outcome, Abstention)
    assert outcome.reason is AbstentionReason.NO_ENTITY
    assert not llm.sampled
    outcome, _ = await _generate(post, replace(OPTIONS, mentions="all"))
    assert isinstance(outcome, Alert)


async def test_a_degraded_alert_names_no_mentioned_person() -> None:
    """It names the next surest entity."""
    post = _post("@joe: Athens burns", ("joe", "PER"), ("Athens", "LOC"))
    outcome = AlertGenerator(Llm(), OPTIONS).degraded(post).outcome
    assert isinstance(outcome, Alert)
    assert outcome.entity == "Athens"


@pytest.mark.parametrize(
    ("language", "wanted", "is_refused"),
    [
        ("es", "en", True),
        ("en", "en", False),
        (None, "en", False),
        ("es", "en es", False),
        ("es", None, False),
    ],
)
async def test_a_post_of_another_language_is_not_shown_to_the_llm(
    language: str | None, wanted: str | None, is_refused: bool
) -> None:
    """A post whose language is in doubt is."""
    post = _post("Flooding at joe", ("joe", "PER"), language=language)
    outcome, llm = await _generate(
        post, replace(OPTIONS, languages=frozenset(wanted.split()) if wanted else None)
    )
    assert bool(llm.sampled) is not is_refused
    if is_refused:
        assert isinstance(outcome, Abstention)
        assert outcome.reason is AbstentionReason.LANGUAGE
        assert outcome.provenance.llm is None
