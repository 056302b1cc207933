"""The judge's question: about several alerts at once if the server takes a list of prompts, otherwise one by one."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from models.prompts.prompt import ChatMessage, Verdict
from pipeline.alert.build import longest_judge_prompt
from pipeline.errors import LlmRefusedError
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmFailsError
from tests.pipeline.llm.client import DEMANDS, connect
from tests.pipeline.llm.fake_llm import Behaviour, FakeLlm, Reply, failure, is_canary

VERDICT = Verdict("yes", "no")
CHATS: list[list[ChatMessage]] = [
    [{"role": "user", "content": f"Is this true? {theme}: Alma"}] for theme in ("Flood", "Fire", "Quake")
]
YES_OF = {"Flood": 0.9, "Fire": 0.2, "Quake": 0.5}
JUDGING = replace(DEMANDS, selection_prompt=None, judge_prompt=longest_judge_prompt(), num_judged=3)


def _choice(prompt: str, index: int) -> dict[str, Any]:
    yes = next((value for theme, value in YES_OF.items() if theme in prompt), 0.5)
    known = {"yes": math.log(yes), "no": math.log(1 - yes)}
    said = max(known, key=lambda word: known[word])
    lists = {"tokens": [said], "token_logprobs": [known[said]], "top_logprobs": [known]}
    return {"index": index, "text": said, "message": {"content": said}, "logprobs": lists}


def judge_of(request: dict[str, Any]) -> Reply:
    """Answer each prompt of a list, the last one first: the index says which is which."""
    prompts = request.get("prompt") or request["messages"][-1]["content"]
    prompts = prompts if isinstance(prompts, list) else [prompts] * request.get("n", 1)
    choices = [_choice(prompt, index) for index, prompt in enumerate(prompts)]
    return Reply(body=json.dumps({"choices": choices[::-1]}).encode())


def no_lists(request: dict[str, Any]) -> Reply:
    """Refuse a list of prompts."""
    if isinstance(request.get("prompt"), list):
        return failure(400, kind="invalid_request_error")
    return judge_of(request)


def fails_on_lists(request: dict[str, Any]) -> Reply:
    """Fail on a list of prompts."""
    return failure(500) if isinstance(request.get("prompt"), list) else judge_of(request)


def first_of_a_list(request: dict[str, Any]) -> Reply:
    """Answer only the first prompt of a list, as some servers do."""
    if isinstance(request.get("prompt"), list):
        return judge_of(request | {"prompt": request["prompt"][:1]})
    return judge_of(request)


async def judged(client: LlmClient) -> list[float | None]:
    try:
        return await client.judge(CHATS, VERDICT, max_tokens=5, seed=1)
    finally:
        await client.close()


async def test_all_alerts_are_judged_in_one_request() -> None:
    """The request lists our own renderings of the chats; answers come back in the order of the alerts."""
    async with FakeLlm(judge_of) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        assert await judged(client) == pytest.approx([0.9, 0.2, 0.5])
        [asked] = fake.own_requests
    assert [theme for theme, prompt in zip(YES_OF, asked["prompt"], strict=True) if theme in prompt] == [
        *YES_OF
    ]
    assert (asked["max_tokens"], asked["temperature"]) == (5, 0.0)


@pytest.mark.parametrize("behaviour", [no_lists, fails_on_lists, first_of_a_list])
async def test_a_server_without_lists_is_asked_one_by_one(behaviour: Any) -> None:
    """The examination finds out, so no question of a post is lost to it."""
    async with FakeLlm(behaviour) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        assert await judged(client) == pytest.approx([0.9, 0.2, 0.5])
        assert [isinstance(request["prompt"], list) for request in fake.own_requests] == [False] * 3


async def test_a_server_that_renders_chats_gets_one_chat_for_each_alert() -> None:
    """A chat cannot be listed."""
    async with FakeLlm(judge_of) as fake:
        client = await connect(fake, demands=JUDGING, template="server")
        assert await judged(client) == pytest.approx([0.9, 0.2, 0.5])
        assert sorted(request["messages"][-1]["content"] for request in fake.own_requests) == sorted(
            chat[-1]["content"] for chat in CHATS
        )


async def test_a_list_is_tried_only_if_a_judge_will_be_asked() -> None:
    """Other selections cost no question more."""
    async with FakeLlm(judge_of) as fake:
        await (await connect(fake, demands=DEMANDS, template="chatml")).close()
        assert not any(isinstance(request.get("prompt"), list) for request in fake.requests)


async def test_a_refused_alert_is_a_refusal_of_the_question() -> None:
    """The others end first, and the caller goes on without verdicts."""

    def refuse_fire(request: dict[str, Any]) -> Reply:
        if "true? Fire" in str(request.get("messages")):
            return failure(400, kind="invalid_request_error")
        return judge_of(request)

    async with FakeLlm(refuse_fire) as fake:
        client = await connect(fake, demands=JUDGING, template="server")
        with pytest.raises(LlmRefusedError):
            await judged(client)


async def test_a_list_is_not_tried_for_a_single_alert() -> None:
    """A judge of one alert a post never lists prompts."""
    async with FakeLlm(judge_of) as fake:
        demands = replace(JUDGING, num_judged=1)
        await (await connect(fake, demands=demands, template="chatml")).close()
        assert not any(isinstance(request.get("prompt"), list) for request in fake.requests)


@pytest.mark.parametrize("behaviour", [no_lists, fails_on_lists, first_of_a_list])
async def test_a_server_that_takes_lists_no_more_is_asked_one_by_one(behaviour: Behaviour) -> None:
    """The alerts are not blamed, and the server is not asked in vain for ever: its twin fails as well."""
    async with FakeLlm(judge_of) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        fake.behave = behaviour
        fake.requests.clear()
        assert await judged(client) == pytest.approx([0.9, 0.2, 0.5])
        assert [isinstance(request["prompt"], list) for request in fake.own_requests] == [True] + [False] * 3


async def test_a_server_that_takes_lists_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked one by one meanwhile, and is examined anew after a time."""
    async with FakeLlm(judge_of) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        fake.behave = fails_on_lists
        await client.judge(CHATS, VERDICT, max_tokens=5, seed=1)
        fake.behave = judge_of
        with monkeypatch.context() as due:  # for one question, so that examinations do not overlap
            due.setattr("pipeline.llm.client._EXAMINE_AGAIN_SECONDS", 0.0)
            await client.judge(CHATS, VERDICT, max_tokens=5, seed=1)
        fake.requests.clear()
        async with asyncio.timeout(30):
            while not any(isinstance(request["prompt"], list) for request in fake.own_requests):
                found = await client.judge(CHATS, VERDICT, max_tokens=5, seed=1)
                assert found == pytest.approx([0.9, 0.2, 0.5])
        await client.close()


@pytest.mark.parametrize("status", [400, 500])
async def test_a_list_that_fails_while_its_twin_is_answered_is_refused(status: int) -> None:
    """The twin lists as many harmless prompts, so the server still takes lists."""

    def fail_on_fire(request: dict[str, Any]) -> Reply:
        return failure(status) if "true? Fire" in str(request["prompt"]) else judge_of(request)

    async with FakeLlm(fail_on_fire) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        fake.requests.clear()
        with pytest.raises(LlmRefusedError):
            await judged(client)
        twins = [request for request in fake.requests if is_canary(request)]
        assert twins
        assert all(len(twin["prompt"]) == len(CHATS) for twin in twins)


async def test_a_wrong_number_of_answers_is_a_failure_of_the_server() -> None:
    """It is not read as verdicts on other alerts."""

    def too_few(request: dict[str, Any]) -> Reply:
        return first_of_a_list(request) if "true? Fire" in str(request["prompt"]) else judge_of(request)

    async with FakeLlm(judge_of) as fake:
        client = await connect(fake, demands=JUDGING, template="chatml")
        fake.behave = too_few
        with pytest.raises(LlmRefusedError) as caught:
            await judged(client)
    assert isinstance(caught.value.__cause__, LlmFailsError)
    assert "1 answers to 3 prompts" in str(caught.value)


async def test_one_alert_has_one_verdict() -> None:
    """A server that answers a prompt twice does not give it two."""

    def twice(request: dict[str, Any]) -> Reply:
        return judge_of(request | {"n": 2} if "messages" in request else request)

    async with FakeLlm(twice) as fake:
        client = await connect(fake, demands=JUDGING, template="server")
        assert await client.judge(CHATS[:1], VERDICT, max_tokens=5, seed=1) == pytest.approx([0.9])
        assert await judged(client) == pytest.approx([0.9, 0.2, 0.5])
