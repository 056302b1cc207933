from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline.errors import LlmUnavailableError
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmHttp, LlmRequest
from pipeline.llm.options import LlmOptions
from tests.pipeline.llm.client import MESSAGES, SECRET, choose, connect, connected, in_turn, sample
from tests.pipeline.llm.fake_llm import MODEL, FakeLlm, Reply, answering, completion, failure, text_completion


async def test_samples_come_from_one_request() -> None:
    """One request asks for all samples and says model, seed, temperature, limit and key."""
    async with connected(answering("a: b", "c: d")) as (fake, client):
        assert await sample(client, 3) == ["a: b", "c: d", "a: b"]
        [request] = fake.requests
        assert request == {
            "model": MODEL,
            "messages": MESSAGES,
            "n": 3,
            "seed": 5,
            "temperature": 0.7,
            "max_tokens": 9,
        }
        assert set(fake.keys) == {"Bearer the-key"}


async def test_every_request_is_reported_with_tokens_and_seconds() -> None:
    """`on_request` receives good and bad requests, with their outcomes."""
    reported: list[LlmRequest] = []
    behave = in_turn(failure(503), after=answering("x"))
    async with connected(behave, on_request=reported.append) as (_, client):
        reported.clear()
        await sample(client)
    # A harmless question in between finds out whether the server is still busy.
    assert [(request.kind, request.outcome) for request in reported] == [
        ("sample", "unavailable"),
        ("canary", "ok"),
        ("sample", "ok"),
    ]
    assert (reported[2].prompt_tokens, reported[2].completion_tokens) == (7, 3)
    assert all(request.seconds >= 0 for request in reported)


async def test_more_samples_than_the_server_takes_are_split() -> None:
    """A server with few slots refuses a large `n`: the client finds that out and asks in parts, with other seeds."""

    def behave(request: dict[str, Any]) -> Reply:
        number = request.get("n", 1)
        return failure(400) if number > 3 else completion([f"{request.get('seed')}"] * number)

    async with connected(behave) as (fake, client):
        assert await sample(client, 8) == ["5", "5", "7", "7", "9", "9", "11", "11"]
        fake.requests.clear()
        assert len(await sample(client, 2)) == 2
        assert len(fake.requests) == 1


async def test_a_server_that_ignores_n_is_asked_until_there_are_enough() -> None:
    """Some servers send one choice whatever `n` is; the client then sends further requests."""
    async with connected(lambda request: completion(["one"])) as (fake, client):
        assert await sample(client, 3) == ["one"] * 3
        assert [request["seed"] for request in fake.requests] == [5, 6, 7]


async def test_empty_answers_are_empty_texts() -> None:
    """A choice without content (thinking only, or a refusal) is an empty text, not an error."""
    async with connected(lambda request: completion([None, ""])) as (_, client):
        assert await sample(client, 2) == ["", ""]


async def test_requests_in_flight_are_bounded() -> None:
    """No more than `max_requests` are open at once."""
    open_now, most = 0, 0

    def behave(request: dict[str, Any]) -> Reply:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        asyncio.get_running_loop().call_later(0.05, close)
        return Reply(body=completion(["x"]).body, delay_seconds=0.05)

    def close() -> None:
        nonlocal open_now
        open_now -= 1

    async with connected(behave) as (_, client):
        await asyncio.gather(*(sample(client, 1) for _ in range(6)))
    assert most == 2


async def test_an_address_without_a_server_is_named() -> None:
    """The error of `connect` has the address that does not answer."""
    async with FakeLlm(answering("x")) as fake:
        url = fake.url
    with pytest.raises(LlmUnavailableError, match=rf"{url} cannot be reached"):
        await LlmClient.connect(LlmOptions(url=url, timeout_seconds=30, max_requests=1))


async def test_a_connect_that_fails_or_is_cancelled_closes_its_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No client is returned on which the caller could close them."""
    closed: list[LlmHttp] = []
    close = LlmHttp.close

    async def note(http: LlmHttp) -> None:
        closed.append(http)
        await close(http)

    monkeypatch.setattr(LlmHttp, "close", note)
    async with FakeLlm(lambda _: failure(500)) as fake:
        with pytest.raises(LlmUnavailableError, match="status 500"):
            await connect(fake)
        assert len(closed) == 1
        fake.behave = lambda _: Reply(delay_seconds=60.0)
        fake.requests.clear()
        connecting = asyncio.create_task(connect(fake))
        async with asyncio.timeout(30):
            while not fake.requests:
                await asyncio.sleep(0.001)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert len(closed) == 2


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (Reply(body=b'{"data": []}'), "no model at all"),
        (failure(401), "TOCSIN_LLM_API_KEY"),
        (Reply(body=b"hello"), "does not answer as OpenAI's API does"),
        (Reply(body=b'{"data": ' + b"[" * 100_000), "does not answer as OpenAI's API does"),
        (failure(400), "status 400"),
    ],
)
async def test_connecting_says_what_is_wrong(models: Reply, message: str) -> None:
    """A server without a model, with another key, or that is not an LLM server: each has an error of one sentence."""
    async with FakeLlm(answering("x"), models=models) as fake:
        with pytest.raises(LlmUnavailableError, match=message):
            await connect(fake)


async def test_a_proxy_from_the_environment_is_for_servers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on this machine is asked directly, another one through the proxy, which answers 404 here."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with FakeLlm(answering("x")) as fake, FakeLlm(answering("x")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        here = await connect(fake)
        assert proxy.keys == []
        elsewhere = LlmOptions(url="http://llm.invalid/v1", timeout_seconds=5, max_requests=1)
        with pytest.raises(LlmUnavailableError, match="status 404"):
            await LlmClient.connect(elsewhere)
        assert len(proxy.keys) == 1
        await here.close()


@pytest.mark.parametrize(
    ("answer", "index"),
    [
        ("2", 1),
        (" 3\n", 2),
        ("Best: 1.", 0),
        ("4", None),
        ("0", None),
        ("1 or 2", None),
        ("none", None),
        ("", None),
    ],
)
async def test_a_choice_is_one_of_the_options_or_nothing(answer: str, index: int | None) -> None:
    """Only an answer that names exactly one option is a choice."""
    async with connected(lambda request: completion([answer])) as (fake, client):
        assert (await choose(client)).index == index
        assert fake.requests[0]["temperature"] == 0.0


async def test_a_reasoning_model_answers_after_a_closed_thinking_block() -> None:
    """With one of our templates the prompt is a text that ends where the answer begins."""
    async with FakeLlm(lambda request: text_completion(["Storm: Cuba"])) as fake:
        client = await connect(fake, template="deepseek_r1")
        assert await sample(client, 1) == ["Storm: Cuba"]
        assert fake.requests[-1]["prompt"] == f"<｜User｜>{SECRET}<｜Assistant｜><think>\n\n</think>\n\n"
        assert "messages" not in fake.requests[-1]
        await client.close()


async def test_a_bounded_think_comes_before_the_choice() -> None:
    """With `think_tokens` the model thinks first; the choice follows the thought, whose end the client writes."""

    def behave(request: dict[str, Any]) -> Reply:
        return text_completion(["hm </b> 2" if "stop" in request else "2"])

    async with FakeLlm(behave) as fake:
        client = await connect(fake, template="qwen3", think_tokens=50)
        assert (await choose(client)).index == 1
        thinking, choosing = fake.own_requests
        assert (thinking["max_tokens"], thinking["stop"]) == (50, ["</think>"])
        assert thinking["prompt"].endswith("<|im_start|>assistant\n<think>\n")
        assert choosing["prompt"] == thinking["prompt"] + "hm ‹/b> 2\n</think>\n\n"
        assert choosing["max_tokens"] == 9
        await sample(client, 1)
        assert fake.requests[-1]["prompt"].endswith("<think>\n\n</think>\n\n")
        await client.close()
