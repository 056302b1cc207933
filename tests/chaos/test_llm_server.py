"""The fake LLM obeys grammars, never answers the same twice, and misbehaves when it is asked to."""

import random
from collections import Counter

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from pipeline.alert.filters import parse
from pipeline.alert.grammar import alert_grammar
from pipeline.llm.grammar import PROBE_GRAMMAR, PROBE_WORD, number_grammar
from tests.chaos.llm_server import LlmServer, answers

_REQUEST = {"model": "m", "messages": [], "n": 2, "grammar": alert_grammar(["Athens", 'New "York"'])}


def test_it_obeys_the_grammars_of_the_pipeline() -> None:
    """It answers with the probe's word, a number of the list, or alerts about one of the entities."""
    chance = random.Random(1)
    assert answers(PROBE_GRAMMAR, 1, chance) == [PROBE_WORD]
    assert {answers(number_grammar(3), 1, chance)[0] for _ in range(50)} == {"1", "2", "3"}
    drafts = [parse(answers(_REQUEST["grammar"], 1, chance)[0]) for _ in range(50)]  # type: ignore[arg-type]
    assert {draft.entity for draft in drafts if draft} == {"Athens", 'New "York"'}


def test_two_requests_about_one_post_are_answered_differently() -> None:
    """So a second alert about a post is noticed."""
    chance = random.Random(1)
    said = {answers(alert_grammar(["Athens"]), 1, chance)[0] for _ in range(100)}
    assert len(said) > 90


async def test_faults_are_set_and_removed() -> None:
    """The rate of errors is the one that was set, and afterwards every answer is good."""
    async with TestClient(TestServer(LlmServer(seed=1).app())) as client:

        async def ask() -> ClientResponse:
            return await client.post("/v1/chat/completions", json=_REQUEST)

        await client.post("/faults", json={"error_rate": 0.5})
        statuses = Counter([(await ask()).status for _ in range(60)])
        assert 15 < statuses[500] < 45
        assert statuses[200] == 60 - statuses[500]
        await client.post("/faults", json={"garbage_rate": 1.0})
        assert b"Fire" not in await (await ask()).read()
        await client.post("/faults", json={"is_misconfigured": True})
        assert {(await ask()).status for _ in range(20)} == {400}
        await client.post("/faults", json={})
        reply = await (await ask()).json()
        assert len(reply["choices"]) == 2
