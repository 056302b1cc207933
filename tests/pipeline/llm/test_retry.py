from __future__ import annotations

import asyncio
import logging

import pytest
import stamina

from pipeline.errors import LlmRefusedError
from tests.pipeline.llm.client import SECRET, connected, in_turn, sample
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering, completion, failure


@pytest.mark.parametrize(
    "bad",
    [
        failure(429),
        failure(500),
        failure(503),
        failure(401),
        failure(404),
        Reply(body=b"<html>gateway</html>"),
        Reply(body=b"\xff\xfe\x00"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b'{"choices": "none"}'),
        Reply(body=b'["x"]'),
        Reply(502, b"Bad Gateway"),
        Reply(body=completion(["x"]).body, is_cut=True),
    ],
)
async def test_failures_of_the_server_are_waited_for(bad: Reply) -> None:
    """Whatever a failing server answers, the request is sent again and its answer arrives."""
    async with connected(in_turn(bad, bad, after=answering("late"))) as (fake, client):
        assert await sample(client, 1) == ["late"]
        assert len(fake.own_requests) == 3


async def test_a_request_that_takes_too_long_is_sent_again() -> None:
    """A request that takes longer than its limit counts as a failure of the server."""
    slow = Reply(body=completion(["slow"]).body, delay_seconds=1.0)
    async with connected(in_turn(slow, after=answering("fast")), timeout_seconds=0.2) as (_, client):
        assert await sample(client, 1) == ["fast"]


async def test_an_outage_is_logged_once_and_so_is_the_recovery(caplog: pytest.LogCaptureFixture) -> None:
    """Many posts wait for a server that is away: one line for the outage, one for its end, without text or key."""
    caplog.set_level(logging.INFO, logger="pipeline")
    async with connected(answering("x")) as (fake, client):
        caplog.clear()
        port = fake.port
        await fake.__aexit__(None, None, None)
        waiting = [asyncio.create_task(sample(client)) for _ in range(5)]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in waiting)
        async with FakeLlm(answering("back"), port=port):
            assert await asyncio.gather(*waiting) == [["back", "back"]] * 5
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("pipeline")]
    assert len(lines) == 2
    assert "cannot be reached" in lines[0]
    assert "answers again" in lines[1]
    assert SECRET not in caplog.text
    assert "the-key" not in caplog.text


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_prompt_that_the_server_refuses_is_refused(status: int) -> None:
    """It is sent a few times, each time beside an answered twin; the error does not repeat the server's words."""
    reply = failure(status, kind="exceed_context_size_error", message=SECRET)
    async with connected(in_turn(after=lambda _: reply)) as (fake, client):
        with pytest.raises(LlmRefusedError, match="exceed_context_size_error") as caught:
            await sample(client, 1)
        assert len(fake.own_requests) == 3
        assert SECRET not in str(caught.value)


async def test_a_prompt_that_the_server_alone_fails_on_is_refused() -> None:
    """After `max_failures` failures, each beside an answered twin, the prompt is at fault."""
    async with connected(in_turn(after=lambda _: failure(500))) as (fake, client):
        with pytest.raises(LlmRefusedError, match="3 failures while the server answered other prompts"):
            await sample(client, 1)
        assert len(fake.own_requests) == 3


async def test_an_outage_is_not_held_against_a_prompt() -> None:
    """While harmless questions fail too, the post waits for as long as its caller, and is not sent again."""
    async with connected(lambda _: failure(500)) as (fake, client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sample(client, 1), 0.5)
        assert len(fake.requests) > 3
        assert len(fake.own_requests) == 1
        fake.behave = answering("at last")
        assert await sample(client, 1) == ["at last"]


async def test_a_question_that_waits_can_be_cancelled() -> None:
    """The caller decides how long a question may wait: a cancelled one is not sent again."""
    async with connected(in_turn(after=lambda _: failure(500))) as (fake, client):
        asking = asyncio.create_task(sample(client, 1))
        async with asyncio.timeout(30):
            while not fake.own_requests:
                await asyncio.sleep(0.001)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        num_asked = len(fake.own_requests)
        fake.behave = answering("well")
        assert await asyncio.wait_for(sample(client, 1), 30) == ["well"]
        assert len(fake.own_requests) == num_asked + 1


@pytest.mark.parametrize("reply", [failure(400), failure(500)])
async def test_the_waits_of_a_question_keep_the_limit(reply: Reply) -> None:
    """Both after refusals and after failures; after the last attempt there is no wait."""
    waits: list[float] = []
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    try:
        async with connected(in_turn(after=lambda _: reply)) as (_, client):
            with pytest.raises(LlmRefusedError):
                await sample(client, 1)
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert len(waits) == 2
    assert all(0.01 <= wait <= 0.02 for wait in waits)
    # Otherwise questions that failed together would be asked together at the limit.
    assert len(set(waits)) == len(waits)
