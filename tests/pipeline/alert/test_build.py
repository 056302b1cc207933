"""The parts of the alert agent, and the longest harmless prompts against prompts of real posts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.prompts.plain_text import shown_entity, shown_post
from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.build import (
    build_alert_generator,
    llm_options,
    longest_candidate_prompt,
    longest_judge_prompt,
    longest_selection_prompt,
)
from pipeline.alert.candidates import Candidate, shown
from pipeline.alert.evidence import Evidence
from pipeline.alert.selection.selector import list_options
from pipeline.errors import SettingsError
from pipeline.llm.client import LlmClient
from pipeline.llm.question import VERDICT_ALTERNATIVES
from pipeline.settings import load_settings
from tests.pipeline.alert.fake_llm import Llm
from tests.pipeline.llm.fake_llm import FakeLlm, answering
from tests.pipeline.samples import annotated

_NAMES = [f"{chr(65 + number)}{'very ' * 23}long name" for number in range(12)]
_POST = annotated(" and ".join(_NAMES), _NAMES)


@pytest.mark.parametrize(
    ("environ", "selects"),
    [
        ({}, True),
        ({"TOCSIN_SELECTION": "likelihood"}, False),
        ({"TOCSIN_NUM_SAMPLES": "1"}, False),  # nothing to choose from
    ],
)
async def test_the_examination_asks_with_the_settings_of_real_requests(
    environ: dict[str, str], selects: bool
) -> None:
    """The first questions have the number of samples, temperature and limit of the settings, and only needed kinds."""
    values = {"TOCSIN_TEMPERATURE": "0.9", "TOCSIN_LLM_MAX_TOKENS": "77", **environ}
    async with FakeLlm(answering("Fire: Athens")) as fake:
        settings = load_settings(environ={"TOCSIN_LLM_URL": fake.url, **values})
        client = await LlmClient.connect(llm_options(settings))
        await client.close()
    longest = load_prompt("candidate-v1").system, load_prompt("selection-v2").system
    asked = [request for request in fake.requests if request["messages"][0]["content"] in longest]
    [sampled, *selected] = asked
    assert sampled.get("n", 1) == settings.num_samples
    assert (sampled["temperature"], sampled["max_tokens"]) == (0.9, 77)
    assert [request["temperature"] for request in selected] == ([0.0] if selects else [])


def _num_bytes(chat: Sequence[ChatMessage]) -> int:
    return sum(len(message["content"].encode()) for message in chat)


@pytest.mark.parametrize("ref", ["candidate-v1", "writer-v1"])
def test_the_longest_candidate_prompt_is_as_long_as_a_real_one_can_be(ref: str) -> None:
    """A prompt of a post of 1,500 bytes with twelve names of 120 comes near its length and does not exceed it."""
    evidence = Evidence.of(_POST)
    assert len(evidence.entities) == 12
    chat = load_prompt(ref).render(
        post=shown_post(_POST.post.text, evidence.entities),
        entities="; ".join(evidence.entities),
        sentiment="negative",
    )
    assert 0.95 < _num_bytes(chat) / _num_bytes(longest_candidate_prompt(ref)) <= 1


def test_the_longest_selection_prompt_is_as_long_as_a_real_one_can_be() -> None:
    """A prompt with eight options of three long words and a long name each comes near its length, not above it."""
    entities = list(Evidence.of(_POST).entities.values())[:8]
    candidates = [Candidate("Large demonstrations expected", entity) for entity in entities]
    chat = load_prompt("selection-v2").render(
        post=shown_post(_POST.post.text), options=list_options(candidates)
    )
    assert 0.95 < _num_bytes(chat) / _num_bytes(longest_selection_prompt()) <= 1


def test_the_longest_prompt_holds_post_and_names_as_they_are_shown() -> None:
    """Cleaning changes nothing in the post or the names of the longest prompt, so it is as long as it looks."""
    turn = longest_candidate_prompt("candidate-v1")[-1]["content"]
    post, entities = turn.split("<post>")[1].split("</post>\nEntities: ")
    assert shown_post(post) == post
    names = entities.split("\n")[0].split("; ")
    assert [shown_entity(name) for name in names] == names


def test_the_longest_judge_prompt_is_as_long_as_a_real_one_can_be() -> None:
    """A question about an alert of three long words and a long name comes near its length, not above it."""
    entity = next(iter(Evidence.of(_POST).entities.values()))
    alert = shown(Candidate("Large demonstrations expected", entity))
    chat = load_prompt("judge-v1").render(post=shown_post(_POST.post.text), alert=alert)
    assert 0.95 < _num_bytes(chat) / _num_bytes(longest_judge_prompt()) <= 1


def test_a_damaged_calibration_is_reported_as_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who puts another adapter in place sees which file is wrong, and no traceback."""
    file = tmp_path / "calibration.json"
    file.write_text("{", encoding="utf-8")
    monkeypatch.setattr("pipeline.alert.build.SOCIAL_CALIBRATION", file)
    with pytest.raises(SettingsError, match=r"calibration\.json: not a JSON file"):
        build_alert_generator(Llm(), load_settings(environ={"TOCSIN_LLM_URL": "http://localhost:1/v1"}))


@pytest.mark.parametrize(
    ("environ", "is_asked", "num_alternatives"),
    [
        ({"TOCSIN_SELECTION": "judge"}, True, 1),
        ({"TOCSIN_SELECTION": "judge", "TOCSIN_CANDIDATE_PROMPT": "writer-v2"}, False, VERDICT_ALTERNATIVES),
        ({"TOCSIN_SELECTION": "likelihood"}, False, 1),
    ],
)
def test_only_a_model_without_verdicts_of_its_own_will_be_asked_to_judge(
    environ: dict[str, str], is_asked: bool, num_alternatives: int
) -> None:
    """The examination tries the judge's questions if there will be any, and the alternatives that a verdict needs."""
    demands = llm_options(
        load_settings(environ={"TOCSIN_LLM_URL": "http://localhost:1/v1", **environ})
    ).demands
    assert (demands.judge_prompt is not None) == is_asked
    assert demands.sample_alternatives == num_alternatives
    assert demands.num_judged == 8
