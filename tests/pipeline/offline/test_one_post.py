import json

import pytest

from pipeline.offline.one_post import run_trial
from pipeline.settings import Settings
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering


async def test_a_trial_shows_the_servers_words_and_obeys_none(capsys: pytest.CaptureFixture[str]) -> None:
    """The model's name and its samples reach the terminal with control characters written out."""
    async with FakeLlm(answering("Flood\x1b[2J: Jakarta", "Flood: Jakarta")) as llm:
        llm.models = Reply(body=json.dumps({"data": [{"id": "model\x1b[31m"}]}).encode())
        await run_trial("Floods in Jakarta, thousands flee", Settings(llm_url=llm.url, device="cpu"))
    output = capsys.readouterr().out
    assert "ALERT      Flood: Jakarta" in output
    assert r"model\x1b[31m" in output
    assert "\x1b" not in output


async def test_the_start_of_the_embedded_llm_is_no_outage(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is waited for until it can answer, without a warning."""
    await run_trial("A fire near Tampa destroyed a hangar", Settings(device="cpu"))
    assert "Tampa" in capsys.readouterr().out
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
