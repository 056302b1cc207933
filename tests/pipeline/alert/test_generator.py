from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.prompt import ChatMessage
from pipeline.alert.candidates import merge
from pipeline.alert.generator import CANDIDATE_PROMPT, SELECTION_PROMPT, AlertGenerator, AlertOptions
from pipeline.alert.outcome import AlertResult
from pipeline.errors import InvalidMessageError, LlmRefusedError
from pipeline.llm.answers import Sample
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    SelectionMethod,
    StageTime,
    outcome_id,
)
from pipeline.settings.checks import SelectionName
from tests.pipeline.alert.fake_llm import Llm
from tests.pipeline.samples import THEME, annotated

TEXT = "Floods hit New\nOrleans again, FEMA sends help http://t.co/x"
POST = annotated(TEXT, ["New\nOrleans", "FEMA"])


async def generate(llm: Llm, post: AnnotatedPost = POST, selection: SelectionName = "llm") -> AlertResult:
    generator = AlertGenerator(
        llm, AlertOptions(num_samples=4, temperature=0.7, max_tokens=24, selection=selection)
    )
    return await generator.generate(post)


async def test_an_alert_says_what_it_is_and_what_made_it() -> None:
    """The published alert holds the candidate, the post, and every step that led to it."""
    llm = Llm(
        ["Severe flooding: new orleans", "severe flooding: New Orleans", "Monday: FEMA", "Flood aid: FEMA"], 1
    )
    result = await generate(llm)
    alert = result.outcome
    assert isinstance(alert, Alert)
    chosen = result.candidates[1]
    assert (alert.theme, alert.entity) == (chosen.theme, chosen.entity.text)
    assert (alert.entity_start, alert.entity_end) == (chosen.entity.start, chosen.entity.end)
    assert alert.alert == f"{chosen.theme}: {' '.join(chosen.entity.text.split())}"
    assert (alert.id, alert.post, alert.sentiment) == (outcome_id("p1"), POST.post, POST.sentiment)
    made_by = alert.provenance
    assert (made_by.llm, made_by.candidate_prompt, made_by.selection_prompt) == (
        "fake",
        CANDIDATE_PROMPT,
        SELECTION_PROMPT,
    )
    assert (made_by.num_sampled, made_by.num_valid, made_by.selected_by) == (4, 2, SelectionMethod.LLM)
    assert [sample.rejected_by for sample in result.samples] == [None, None, "theme_date", None]
    assert sorted(candidate.count for candidate in result.candidates) == [1, 2]


async def test_the_prompt_shows_cleaned_data_and_the_grammar_its_entities() -> None:
    """The one request shows the post on one line without links, lists the entities, and names the sentiment."""
    llm = Llm(["Severe flooding: FEMA"])
    await generate(llm)
    [asked] = llm.sampled
    turn = asked["messages"][-1]["content"]
    assert "<post>Floods hit New Orleans again, FEMA sends help</post>" in turn
    assert "New Orleans; FEMA" in turn
    assert "Sentiment: negative" in turn
    assert '"New\\u0020Orleans" | "FEMA"' in asked["grammar"]
    assert (asked["num_samples"], asked["temperature"], asked["max_tokens"]) == (4, 0.7, 24)


async def test_prompts_show_the_passages_around_the_entities_of_a_long_post() -> None:
    """Both prompts have the opening and the event at the end, and the alert names it at its place."""
    filler = "Members of the council talked for hours about the budget and the parks. "
    text = f"Harrow met on Tuesday. {filler * 40}Then a strong quake struck Valparaiso."
    llm = Llm(["Strong quake: Valparaiso", "Council meeting: Harrow"])
    result = await generate(llm, annotated(text, ["Harrow", "Valparaiso"]))
    for [asked] in (llm.sampled, llm.chosen):
        turn = asked["messages"][-1]["content"]
        assert "Harrow met on Tuesday. Members of" in turn
        assert "… " in turn
        assert "Then a strong quake struck Valparaiso.<" in turn
    assert isinstance(result.outcome, Alert)
    assert text[result.outcome.entity_start :].startswith(result.outcome.entity)


@pytest.mark.parametrize(
    ("text", "entity", "shown"),
    [
        ("Barnes &amp; Noble data breach", "Barnes &amp; Noble", "Barnes & Noble"),
        ("Data breach at M&amp;S", "M&amp;S", "M&S"),
        ("<p>Data breach in New&nbsp;York</p>", "New&nbsp;York", "New York"),
        ("Data breach in Jakar\u200bta", "Jakar\u200bta", "Jakarta"),
        ("Data breach in 𝐉𝐚𝐤𝐚𝐫𝐭𝐚", "𝐉𝐚𝐤𝐚𝐫𝐭𝐚", "Jakarta"),
        ("Data breach in Montre\u0301al", "Montre\u0301al", "Montréal"),
    ],
)
async def test_prompt_and_alert_show_the_name_as_it_is_read(text: str, entity: str, shown: str) -> None:
    """The LLM and people see the name as it is meant; the fields for programs hold it as the post writes it."""
    llm = Llm([f"Leaked records: {shown}"])
    alert = (await generate(llm, annotated(text, [entity]))).outcome
    [asked] = llm.sampled
    assert shown in asked["messages"][-1]["content"].split("<post>")[1].split("</post>")[0]
    assert f"Entities: {shown}" in asked["messages"][-1]["content"]
    assert isinstance(alert, Alert)
    assert (alert.alert, alert.entity) == (f"Leaked records: {shown}", entity)
    assert text[alert.entity_start : alert.entity_end] == entity
    assert alert.post.text == text


async def test_the_only_candidate_needs_no_selection() -> None:
    """One valid candidate is published without a second request, and the provenance says so."""
    llm = Llm(["Severe flooding: FEMA", "nonsense"])
    alert = (await generate(llm)).outcome
    assert isinstance(alert, Alert)
    assert alert.provenance.selected_by is SelectionMethod.ONLY_CANDIDATE
    assert alert.provenance.selection_prompt is None
    assert not llm.chosen


async def test_none_of_these_is_an_abstention() -> None:
    """If the LLM finds every candidate wrong, none is published, and the abstention keeps the steps before it."""
    result = await generate(Llm(["Severe flooding: FEMA", "Flood aid: FEMA"], choice=2))
    abstention = result.outcome
    assert isinstance(abstention, Abstention)
    assert abstention.reason is AbstentionReason.NONE_SELECTED
    assert abstention.provenance.selected_by is SelectionMethod.LLM
    assert abstention.provenance.selection_prompt == SELECTION_PROMPT
    assert (len(result.candidates), result.chosen) == (2, None)


@pytest.mark.parametrize(
    ("selection", "theme"),
    [("first", "Severe flooding"), ("majority", "Flood damage"), ("likelihood", "Aid")],
)
async def test_other_methods_do_not_ask_the_llm(selection: SelectionName, theme: str) -> None:
    """The first, the most frequent and the likeliest candidate are found without the LLM, and no prompt is named."""
    llm = Llm(["Severe flooding: FEMA", "Flood damage: FEMA", "Flood damage: FEMA", "Aid: FEMA"])
    alert = (await generate(llm, selection=selection)).outcome
    assert isinstance(alert, Alert)
    assert alert.theme == theme
    assert alert.provenance.selected_by == selection
    assert alert.provenance.selection_prompt is None
    assert not llm.chosen


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        (annotated("", []), AbstentionReason.NO_TEXT),
        (annotated(" \n\u200b", [], sentiment=None), AbstentionReason.NO_TEXT),
        (annotated("<p>&nbsp;</p>", []), AbstentionReason.NO_TEXT),
        (annotated("so tired today", []), AbstentionReason.NO_ENTITY),
    ],
)
async def test_a_post_without_text_or_entity_is_not_shown_to_the_llm(
    post: AnnotatedPost, reason: AbstentionReason
) -> None:
    """The LLM is not asked, and the abstention names no LLM and no prompt."""
    llm = Llm()
    result = await generate(llm, post)
    abstention = result.outcome
    assert isinstance(abstention, Abstention)
    assert abstention.reason is reason
    assert (abstention.provenance.llm, abstention.provenance.candidate_prompt) == (None, None)
    assert not llm.sampled
    assert result.samples == ()


async def test_no_valid_candidate_is_an_abstention() -> None:
    """Samples that break the rules are never published."""
    result = await generate(Llm(["NO VALID ALERT", "2024: FEMA", "", "Flood: Houston"]))
    abstention = result.outcome
    assert isinstance(abstention, Abstention)
    assert abstention.reason is AbstentionReason.NO_VALID_CANDIDATE
    assert (abstention.provenance.num_sampled, abstention.provenance.num_valid) == (4, 0)
    assert abstention.provenance.llm == "fake"


async def test_stages_are_added_to_those_of_the_post() -> None:
    """Each stage says when it began, in UTC, and how long it took."""
    before = StageTime(name="annotate", started_at=datetime.now(UTC), seconds=0.1)
    post = msgspec.structs.replace(POST, stages=[before])
    outcome = (await generate(Llm(["Severe flooding: FEMA", "Flood aid: FEMA"]), post)).outcome
    assert [stage.name for stage in outcome.stages] == ["annotate", "sample", "filter", "select"]
    assert all(stage.started_at.tzinfo is UTC and stage.seconds >= 0 for stage in outcome.stages)
    assert post.stages == [before]


async def test_a_redelivered_post_is_asked_about_in_the_same_way() -> None:
    """Seed and order of the candidates depend on the post's id, not on the order of the samples or the time."""
    samples = ["Severe flooding: FEMA", "Flood aid: FEMA", "Disaster relief: FEMA"]
    first, again, other = Llm(samples), Llm(samples[::-1]), Llm(samples)
    await generate(first)
    await generate(again)
    await generate(other, annotated(TEXT, ["FEMA"], post_id="p2"))
    assert first.sampled == again.sampled
    assert first.chosen == again.chosen
    assert first.sampled[0]["seed"] != other.sampled[0]["seed"]


@pytest.mark.parametrize(
    "post",
    [
        msgspec.structs.replace(POST, sentiment=None),
        msgspec.structs.replace(POST, post=msgspec.structs.replace(POST.post, text="something else")),
    ],
)
async def test_an_annotation_that_does_not_fit_its_post_is_invalid(post: AnnotatedPost) -> None:
    """An entity that is not in the text is never published."""
    with pytest.raises(InvalidMessageError):
        await generate(Llm(["Severe flooding: FEMA"]), post)


async def test_a_refused_prompt_is_raised() -> None:
    """The agent makes a dead letter of the refusal."""

    class Refusing(Llm):
        async def sample(self, messages: Sequence[ChatMessage], **options: Any) -> list[Sample]:
            raise LlmRefusedError("too long")

    with pytest.raises(LlmRefusedError):
        await generate(Refusing())


@given(st.lists(st.text() | st.text().map("{}: FEMA".format), max_size=5), st.text(max_size=40))
async def test_whatever_is_sampled_the_outcome_keeps_the_rules(samples: list[str], noise: str) -> None:
    """An outcome is an abstention, or a theme of one to three words and an entity verbatim in the text."""
    result = await generate(Llm(samples), annotated(f"{noise} FEMA {noise}", ["FEMA"]))
    outcome = result.outcome
    if result.samples:
        assert outcome.provenance.num_valid == len(merge(result.samples))
    if isinstance(outcome, Alert):
        assert THEME.fullmatch(outcome.theme)
        assert outcome.post.text[outcome.entity_start : outcome.entity_end] == outcome.entity
    else:
        assert outcome.reason is AbstentionReason.NO_VALID_CANDIDATE
