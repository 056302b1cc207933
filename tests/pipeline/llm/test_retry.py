from __future__ import annotations

import asyncio
import logging

import pytest

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


async def test_a_slow_server_is_given_up_and_asked_again() -> None:
    """A request that takes longer than its limit counts as a failure of the server."""
    slow = Reply(body=completion(["slow"]).body, delay_seconds=1.0)
    async with connected(in_turn(slow, after=answering("fast")), timeout_seconds=0.2) as (_, client):
        assert await sample(client, 1) == ["fast"]


async def test_an_outage_is_told_once_and_so_is_the_recovery(caplog: pytest.LogCaptureFixture) -> None:
    """Many posts wait for a server that is away: one line says so, one that it is back; none holds text or key."""
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
async def test_a_refused_prompt_is_refused(status: int) -> None:
    """Refused a few times, each beside an answered harmless one; the error does not repeat what the server said."""
    reply = failure(status, kind="exceed_context_size_error", message=SECRET)
    async with connected(in_turn(after=lambda _: reply)) as (fake, client):
        with pytest.raises(LlmRefusedError, match="exceed_context_size_error") as caught:
            await sample(client, 1)
        assert len(fake.own_requests) == 3
        assert SECRET not in str(caught.value)


async def test_a_post_that_breaks_the_server_alone_is_refused() -> None:
    """After `max_attempts` failures in a row, each beside an answered canary, the post is at fault."""
    async with connected(in_turn(after=lambda _: failure(500))) as (fake, client):
        with pytest.raises(LlmRefusedError, match="3 times"):
            await sample(client, 1)
        assert len(fake.own_requests) == 3


async def test_a_server_that_fails_on_everything_is_nobodys_fault() -> None:
    """While harmless requests fail too, the post waits for as long as the caller does, and is not sent in vain."""
    async with connected(lambda _: failure(500)) as (fake, client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sample(client, 1), 0.5)
        assert len(fake.requests) > 3
        assert len(fake.own_requests) == 1
        fake.behave = answering("at last")
        assert await sample(client, 1) == ["at last"]
