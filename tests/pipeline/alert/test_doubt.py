"""The confidence that the settings ask for, and what becomes of an alert that has less."""

from __future__ import annotations

import pytest

from models.writers.calibration import Calibration
from pipeline.alert.generator import AlertGenerator, AlertOptions
from pipeline.alert.outcome import AlertResult
from pipeline.messages import Abstention, AbstentionReason, Alert, SelectionMethod
from pipeline.settings.checks import CandidatePromptName, SelectionName
from tests.pipeline.alert.fake_llm import Llm
from tests.pipeline.samples import annotated

POST = annotated("Floods hit New\nOrleans again, FEMA sends help", ["New\nOrleans", "FEMA"])
SAMPLES = ["Severe flooding: New Orleans", "Flood aid: FEMA"]


async def generate(
    llm: Llm,
    *,
    selection: SelectionName = "judge",
    prompt: CandidatePromptName = "writer-v2",
    least: float | None = 0.5,
    calibration: Calibration | None = None,
) -> AlertResult:
    options = AlertOptions(
        num_samples=2,
        temperature=0.7,
        max_tokens=24,
        selection=selection,
        candidate_prompt=prompt,
        calibration=calibration or Calibration(),
        min_confidence=least,
    )
    return await AlertGenerator(llm, options).generate(POST)


async def test_an_alert_that_is_sure_enough_is_published_with_its_confidence() -> None:
    """The writer's own verdicts decide: the alert that it finds true is taken, not the one that is likelier."""
    result = await generate(Llm(SAMPLES, truths=[0.2, 0.8]))
    alert = result.outcome
    assert isinstance(alert, Alert)
    assert alert.alert == "Flood aid: FEMA"
    assert alert.confidence == pytest.approx(0.8)
    assert (alert.provenance.selected_by, alert.provenance.selection_prompt) == (SelectionMethod.JUDGE, None)
    assert sorted(candidate.truth or 0 for candidate in result.candidates) == [0.2, 0.8]


async def test_a_doubtful_alert_is_held_back_and_told() -> None:
    """The abstention says which alert was held back and how sure it was, so that a desk may look."""
    result = await generate(Llm(SAMPLES, truths=[0.3, 0.2]))
    held = result.outcome
    assert isinstance(held, Abstention)
    assert held.reason is AbstentionReason.DOUBTFUL
    # An entity is shown as people see it.
    assert held.doubted == "Severe flooding: New Orleans"
    assert held.confidence == pytest.approx(0.3)
    assert held.provenance.selected_by is SelectionMethod.JUDGE


@pytest.mark.parametrize(("least", "is_held"), [(None, False), (0.0, False), (0.39, False), (0.41, True)])
async def test_only_less_than_the_bound_is_held_back(least: float | None, *, is_held: bool) -> None:
    """Without a bound nothing is held back."""
    result = await generate(Llm(SAMPLES, truths=[0.4, 0.1]), least=least)
    assert isinstance(result.outcome, Abstention) == is_held


async def test_the_calibrated_confidence_counts() -> None:
    """A judge that is too sure is brought down before its word is weighed."""
    result = await generate(Llm(SAMPLES, truths=[0.6, 0.1]), calibration=Calibration(offset=-1.0))
    assert isinstance(result.outcome, Abstention)
    assert result.outcome.confidence == pytest.approx(0.356, abs=1e-3)


async def test_an_alert_without_a_confidence_is_not_held_back() -> None:
    """If nobody can judge, alerts go on: the method says how they were chosen."""
    result = await generate(Llm(SAMPLES, truths=[None, None]))
    alert = result.outcome
    assert isinstance(alert, Alert)
    assert (alert.confidence, alert.provenance.selected_by) == (None, SelectionMethod.JUDGE_FALLBACK)


async def test_another_model_is_asked_by_the_judges_prompt() -> None:
    """Its samples have no verdicts; the alert names the prompt that gave them."""
    result = await generate(Llm(SAMPLES, truths=[0.9, 0.7]), prompt="candidate-v1")
    alert = result.outcome
    assert isinstance(alert, Alert)
    assert alert.provenance.selection_prompt == "judge-v1"
    assert alert.confidence == pytest.approx(0.9)


async def test_the_bound_holds_for_other_methods_that_give_a_confidence() -> None:
    """A share of likelihood is a confidence too, though not a truth."""
    result = await generate(Llm(SAMPLES), selection="majority", prompt="candidate-v1", least=0.6)
    assert isinstance(result.outcome, Abstention)
    assert result.outcome.confidence == pytest.approx(0.5)


async def test_samples_are_asked_for_with_their_verdicts() -> None:
    """The grammar has the line of the verdict after an alert, and none after the refusal."""
    llm = Llm(SAMPLES, truths=[0.9, 0.7])
    await generate(llm)
    [asked] = llm.sampled
    assert asked["verdict"].is_true == "yes"
    root = asked["grammar"].splitlines()[0]
    assert root == 'root ::= theme ": " entity "\\n" ("yes" | "no") | "NO VALID ALERT"'
