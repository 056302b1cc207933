"""What agents are put together from."""

import pytest

from models.prompts.prompt import load_prompt
from pipeline.alert.build import build_llm_client
from pipeline.settings import load_settings
from tests.pipeline.llm.fake_llm import FakeLlm, answering


@pytest.mark.parametrize(
    ("environ", "selects"),
    [
        ({}, True),
        ({"TOCSIN_SELECTION": "likelihood"}, False),
        ({"TOCSIN_NUM_SAMPLES": "1"}, False),  # nothing to choose from
    ],
)
async def test_the_llm_is_tried_with_what_the_settings_ask_for(
    environ: dict[str, str], selects: bool
) -> None:
    """The questions at the start are those of the settings: as many samples, as free, as long, and no others."""
    values = {"TOCSIN_TEMPERATURE": "0.9", "TOCSIN_LLM_MAX_TOKENS": "77", **environ}
    async with FakeLlm(answering("Fire: Athens")) as fake:
        settings = load_settings(environ={"TOCSIN_LLM_URL": fake.url, **values})
        client = build_llm_client(settings, lambda request: None)
        await client.connect()
        await client.close()
    longest = load_prompt("candidate-v1").system, load_prompt("selection-v2").system
    asked = [request for request in fake.requests if request["messages"][0]["content"] in longest]
    [sampled, *selected] = asked
    assert sampled.get("n", 1) == settings.num_samples
    assert (sampled["temperature"], sampled["max_tokens"]) == (0.9, 77)
    assert [request["temperature"] for request in selected] == ([0.0] if selects else [])
