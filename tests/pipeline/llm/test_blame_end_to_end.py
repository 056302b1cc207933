"""The client tells prompts that make the server fail from servers that fail by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

import pipeline.llm.retry
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm.client import LlmClient
from pipeline.llm.options import LlmOptions, RetryLimits
from tests.pipeline.llm.fake_llm import Behaviour, FakeLlm, Reply, answering, completion, failure, is_canary

_DEAD = Reply(body=b"{}", is_cut=True)


@asynccontextmanager
async def _connected(
    behave: Behaviour, *, give_up_seconds: float = float("inf")
) -> AsyncIterator[tuple[FakeLlm, LlmClient]]:
    async with FakeLlm(answering("hello")) as fake:
        limits = RetryLimits(max_backoff_seconds=0.05, give_up_seconds=give_up_seconds)
        options = LlmOptions(url=fake.url, timeout_seconds=5, max_requests=8, limits=limits)
        client = await LlmClient.connect(options)
        fake.behave = behave
        yield fake, client
        await client.close()


async def _ask(client: LlmClient, text: str = "a post") -> int:
    """Return how many answers came to one request for one."""
    messages: Any = [{"role": "user", "content": text}]
    return len(await client.sample(messages, num_samples=1, temperature=0.7, max_tokens=9, seed=5))


async def test_a_prompt_that_kills_the_server_each_time_is_refused() -> None:
    """The server is well before the prompt and gone after it, each time. Prompts in flight beside it are answered."""
    is_dead = False

    def behave(request: dict[str, Any]) -> Reply:
        nonlocal is_dead
        if "poison" in str(request["messages"]) and not is_dead:
            is_dead = True
            asyncio.get_running_loop().call_later(0.1, revive)
        return _DEAD if is_dead else Reply(body=completion(["x"]).body, delay_seconds=0.02)

    def revive() -> None:
        nonlocal is_dead
        is_dead = False

    async with _connected(behave) as (_, client):
        poison = asyncio.create_task(_ask(client, "poison"))
        others = await asyncio.wait_for(asyncio.gather(*(_ask(client) for _ in range(20))), 30)
        assert others == [1] * 20
        with pytest.raises(LlmRefusedError, match="failures while the server answered other prompts"):
            await asyncio.wait_for(poison, 30)


async def test_a_server_that_keeps_dying_by_itself_refuses_no_prompt() -> None:
    """No prompt of many in flight is refused, however often the server goes away and comes back."""
    began = time.monotonic()

    def behave(request: dict[str, Any]) -> Reply:
        is_dead = (time.monotonic() - began) % 0.5 > 0.4
        return _DEAD if is_dead else Reply(body=completion(["x"]).body, delay_seconds=0.01)

    async with _connected(behave) as (_, client):
        answers = await asyncio.wait_for(asyncio.gather(*(_ask(client) for _ in range(200))), 60)
    assert answers == [1] * 200


async def test_a_server_that_fails_on_every_fourth_request_refuses_no_prompt() -> None:
    """A fifth of the answers have status 500 and a twentieth are garbage; every prompt is answered in the end."""
    num_asked = 0

    def behave(request: dict[str, Any]) -> Reply:
        nonlocal num_asked
        num_asked = num_asked * 1103515245 + 12345 & 0x7FFFFFFF  # a fixed sequence that looks random
        part = num_asked / 0x7FFFFFFF
        return failure(500) if part < 0.2 else Reply(body=b"garbage") if part < 0.25 else completion(["x"])

    async with _connected(behave) as (_, client):
        assert await asyncio.gather(*(_ask(client) for _ in range(500))) == [1] * 500


async def test_an_outage_longer_than_give_up_seconds_is_an_error() -> None:
    """The error comes after that time and not before; a server that is back is asked again."""
    async with _connected(answering("x"), give_up_seconds=0.5) as (fake, client):
        port = fake.port
        await fake.__aexit__(None, None, None)
        began = time.monotonic()
        with pytest.raises(LlmUnavailableError, match="cannot be reached"):
            await _ask(client)
        assert time.monotonic() - began >= 0.5
        async with FakeLlm(answering("back"), port=port), asyncio.timeout(30):
            num_answers = 0
            while not num_answers:  # until it is known to be back
                with suppress(LlmUnavailableError):
                    num_answers = await _ask(client)
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("to_harmless", "doubt_seconds", "num_refusals"),
    [(failure(400), 600.0, 20), (failure(400), 0.0, 5), (failure(500), 600.0, 5)],
)
async def test_a_server_that_refused_a_harmless_question_must_refuse_a_post_more_often(
    to_harmless: Reply, doubt_seconds: float, num_refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That holds for ten minutes. A server that only failed on the harmless question need not refuse more often."""
    monkeypatch.setattr(pipeline.llm.retry, "_DOUBT_SECONDS", doubt_seconds)
    to_harmless_ones = [to_harmless]

    def behave(request: dict[str, Any]) -> Reply:
        if not is_canary(request):
            return failure(400)
        return to_harmless_ones.pop() if to_harmless_ones else completion(["hi"])

    async with _connected(behave) as (fake, client):
        fake.requests.clear()
        with pytest.raises(LlmRefusedError):
            await asyncio.wait_for(_ask(client), 60)
        assert (
            len(fake.own_requests) == 1 + num_refusals
        )  # the first says nothing: the harmless one failed too


async def test_one_bad_replica_behind_an_address_refuses_no_post() -> None:
    """A load balancer has one replica with wrong settings: each post reaches the other one in the end."""
    state = 1

    def behave(request: dict[str, Any]) -> Reply:
        nonlocal state
        state = state * 1103515245 + 12345 & 0x7FFFFFFF  # a fixed sequence that looks random
        return failure(400) if state / 0x7FFFFFFF < 0.5 else completion(["x"])

    async with _connected(behave) as (_, client):
        assert await asyncio.wait_for(asyncio.gather(*(_ask(client) for _ in range(100))), 120) == [1] * 100
