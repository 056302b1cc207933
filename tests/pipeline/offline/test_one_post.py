import json

import pytest

from pipeline.offline.one_post import run_trial
from pipeline.settings import Settings
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering


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
