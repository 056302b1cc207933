import json
import math

import pytest

from pipeline.alert.candidates import Candidate, CheckedSample, merge
from pipeline.alert.outcome import AlertResult
from pipeline.messages import Entity
from pipeline.offline import one_post
from pipeline.offline.one_post import run_trial
from pipeline.settings import Settings
from tests.pipeline.fakes import make_alert, make_annotated_post
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering

CANDIDATE = Candidate("Flood", Entity(text="Jakarta", type="LOC", start=10, end=17, score=1.0))


async def test_no_text_of_the_server_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters in the model's name and its samples are printed as escapes."""
    async with FakeLlm(answering("Flood\x1b[2J: Jakarta", "Flood: Jakarta")) as llm:
        llm.models = Reply(body=json.dumps({"data": [{"id": "model\x1b[31m"}]}).encode())
        await run_trial("Floods in Jakarta, thousands flee", Settings(llm_url=llm.url, device="cpu"))
    output = capsys.readouterr().out
    assert "ALERT      Flood: Jakarta" in output
    assert r"model\x1b[31m" in output
    assert "\x1b" not in output


async def test_the_start_of_the_embedded_llm_is_not_an_outage(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The command waits until it can answer, and logs no warning."""
    await run_trial("A fire near Tampa destroyed a hangar", Settings(device="cpu"))
    assert "Tampa" in capsys.readouterr().out
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_refusal_is_shown_with_what_decides(
    is_known: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alert is written although most samples decline, and the probabilities or the share say why."""
    refusal, alert = (math.log(value) if is_known else None for value in (0.399, 0.25))
    samples = (
        CheckedSample("No alert", None, "refusal", refusal),
        CheckedSample("Flood: Jakarta", CANDIDATE, None, alert),
    )
    outcome = make_alert(make_annotated_post())
    result = AlertResult(outcome=outcome, samples=samples, candidates=merge(samples), chosen=0)

    async def generate(*_: object) -> AlertResult:
        return result

    monkeypatch.setattr(one_post, "_generate", generate)
    await run_trial("Floods in Jakarta, thousands flee", Settings(device="cpu"))
    output = " ".join(capsys.readouterr().out.split())
    if is_known:
        assert "sample refusal 0.39 (declines from 0.40) No alert" in output
        assert "1. Flood: Jakarta ×1 0.25 ◄ chosen" in output
    else:
        assert "sample refusal (declines from 75% of the samples) No alert" in output
        assert "1. Flood: Jakarta ×1 ◄ chosen" in output


async def test_the_language_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A post of another language gets no alert, and the steps say why."""
    async with FakeLlm(answering("Flood: Jakarta")) as llm:
        text = "Gran inundación en Jakarta, cientos de personas tuvieron que dejar sus casas"
        await run_trial(text, Settings(llm_url=llm.url, device="cpu"))
    output = " ".join(capsys.readouterr().out.split())
    assert "language es" in output
    assert "no alert language" in output
