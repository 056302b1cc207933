from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pipeline.answers import Choice, after_thinking, chosen_index
from pipeline.constraint import PROBE_WORD
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.llm import AskingStyle, LlmClient, LlmRequest
from pipeline.prompts import ChatMessage
from tests.pipeline.fake_llm import (
    MODEL,
    Behaviour,
    FakeLlm,
    Reply,
    answering,
    completion,
    failure,
    is_canary,
    text_completion,
)

SECRET = "the secret words of a post"
MESSAGES: list[ChatMessage] = [{"role": "user", "content": SECRET}]


def make_client(
    fake: FakeLlm,
    *,
    timeout_seconds: float = 5.0,
    on_request: Callable[[LlmRequest], None] | None = None,
    style: AskingStyle | None = None,
) -> LlmClient:
    return LlmClient(
        url=fake.url,
        model=None,
        api_key="the-key",
        timeout_seconds=timeout_seconds,
        max_requests=2,
        on_request=on_request,
        style=style,
        max_attempts=3,
        max_backoff_seconds=0.02,
    )


@asynccontextmanager
async def connected(behave: Behaviour, **options: Any) -> AsyncIterator[tuple[FakeLlm, LlmClient]]:
    """A fake, and a client that has connected to it while it still behaved well."""
    async with FakeLlm(answering("hello")) as fake:
        client = make_client(fake, **options)
        await client.connect()
        fake.behave = behave
        fake.requests.clear()
        yield fake, client
        await client.close()


async def sample(client: LlmClient, num_samples: int = 2, grammar: str | None = None) -> list[str]:
    samples = await client.sample(
        MESSAGES, num_samples=num_samples, temperature=0.7, max_tokens=9, seed=5, grammar=grammar
    )
    return [sample.text for sample in samples]


async def choose(client: LlmClient, num_options: int = 3) -> Choice:
    return await client.choose(MESSAGES, num_options, max_tokens=9, seed=5)


def in_turn(*replies: Reply | Behaviour, after: Behaviour) -> Behaviour:
    """Each own request gets the next reply, then `after`; canaries are always answered."""
    left = list(replies)

    def behave(request: dict[str, Any]) -> Reply:
        if is_canary(request):
            return completion(["hi"])
        reply = left.pop(0) if left else after
        return reply if isinstance(reply, Reply) else reply(request)

    return behave


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


async def test_every_request_is_told_with_tokens_and_seconds() -> None:
    """`on_request` hears of good and bad requests, the bad ones by outcome."""
    told: list[LlmRequest] = []
    behave = in_turn(failure(503), after=answering("x"))
    async with connected(behave, on_request=told.append) as (_, client):
        told.clear()
        await sample(client)
    assert [(request.kind, request.outcome) for request in told] == [
        ("sample", "unavailable"),
        ("sample", "ok"),
    ]
    assert (told[1].prompt_tokens, told[1].completion_tokens) == (7, 3)
    assert all(request.seconds >= 0 for request in told)


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
async def test_a_refused_prompt_is_refused_at_once(status: int) -> None:
    """A prompt that the server refuses is not sent again, and the error does not repeat what the server said."""
    reply = failure(status, kind="exceed_context_size_error", message=SECRET)
    async with connected(in_turn(after=lambda _: reply)) as (fake, client):
        with pytest.raises(LlmRefusedError, match="exceed_context_size_error") as caught:
            await sample(client, 1)
        assert len(fake.own_requests) == 1
        assert SECRET not in str(caught.value)


async def test_a_post_that_breaks_the_server_alone_is_refused() -> None:
    """After `max_attempts` failures in a row, each beside an answered canary, the post is at fault."""
    async with connected(in_turn(after=lambda _: failure(500))) as (fake, client):
        with pytest.raises(LlmRefusedError, match="3 times"):
            await sample(client, 1)
        assert len(fake.own_requests) == 3


async def test_a_server_that_fails_on_everything_is_nobodys_fault() -> None:
    """While the canary fails too, the request is sent again for as long as the caller waits."""
    async with connected(lambda _: failure(500)) as (fake, client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sample(client, 1), 0.5)
        assert len(fake.own_requests) > 3


async def test_more_samples_than_the_server_takes_are_split() -> None:
    """A server with few slots refuses a large `n`: the client learns it and asks in parts, with other seeds."""

    def behave(request: dict[str, Any]) -> Reply:
        number = request.get("n", 1)
        return failure(400) if number > 3 else completion([f"{request.get('seed')}"] * number)

    async with connected(behave) as (fake, client):
        assert await sample(client, 8) == ["5", "5", "7", "7", "9", "9", "11", "11"]
        fake.requests.clear()
        assert len(await sample(client, 2)) == 2
        assert len(fake.requests) == 1


async def test_a_server_that_ignores_n_is_asked_until_there_are_enough() -> None:
    """Some servers answer one choice whatever `n` says."""
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


async def test_connecting_to_nobody_says_where() -> None:
    """The error names the address that does not answer."""
    async with FakeLlm(answering("x")) as fake:
        url = fake.url
    client = LlmClient(url=url, model=None, api_key=None, timeout_seconds=1, max_requests=1)
    with pytest.raises(LlmUnavailableError, match=rf"{url} cannot be reached"):
        await client.connect()
    await client.close()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (Reply(body=b'{"data": []}'), "no model at all"),
        (Reply(body=b'{"data": [{"id": "other"}]}'), "no model 'wanted'; it lists other"),
        (failure(401), "TOCSIN_LLM_API_KEY"),
        (Reply(body=b"hello"), "something else"),
        (failure(400), "status 400"),
    ],
)
async def test_connecting_says_what_is_wrong(models: Reply, message: str) -> None:
    """A server without the model, with another key, or that is no LLM server: one sentence each."""
    wanted = "wanted" if b"other" in models.body else None
    async with FakeLlm(answering("x"), models=models) as fake:
        client = LlmClient(url=fake.url, model=wanted, api_key=None, timeout_seconds=1, max_requests=1)
        with pytest.raises(LlmUnavailableError, match=message):
            await client.connect()
        await client.close()


@pytest.mark.parametrize(("field", "dialect"), [("grammar", "llama_cpp"), ("structured_outputs", "vllm")])
async def test_the_dialect_is_what_the_server_obeys(field: str, dialect: str) -> None:
    """A server that ignores a field with status 200 is not believed; the one it obeys is used from then on."""

    def behave(request: dict[str, Any]) -> Reply:
        return completion([PROBE_WORD if field in request else "Hello!"])

    async with FakeLlm(behave) as fake:
        client = make_client(fake)
        await client.connect()
        assert client.dialect == dialect
        await sample(client, 1, grammar='root ::= "x"')
        assert 'root ::= "x"' in json.dumps(fake.requests[-1][field]).replace('\\"', '"')
        await client.close()


async def test_a_server_that_refuses_unknown_fields_is_free() -> None:
    """OpenAI's own API answers 400 to fields that it does not know: no constraint there, and no failure."""

    def behave(request: dict[str, Any]) -> Reply:
        return failure(400) if {"grammar", "structured_outputs"} & request.keys() else completion(["x"])

    async with FakeLlm(behave) as fake:
        client = make_client(fake)
        await client.connect()
        assert client.dialect == "free"
        assert await sample(client, 1, grammar='root ::= "x"') == ["x"]
        await client.close()


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


def with_log_probabilities(request: dict[str, Any]) -> Reply:
    """A server that answers " 2" and finds that and " 1" likely; three tokens a sample."""
    alternatives = [{"token": " 2", "logprob": -0.5}, {"token": " 1", "logprob": -1.5}]
    tokens = [{"token": "x", "logprob": -1.0, "top_logprobs": alternatives}] * 3
    choice: dict[str, Any] = {"message": {"content": "2"}}
    if "logprobs" in request:
        choice["logprobs"] = {"content": tokens}
    body = {"choices": [choice] * request.get("n", 1), "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    return Reply(body=json.dumps(body).encode())


async def test_log_probabilities_are_asked_for_where_the_server_gives_them() -> None:
    """Samples know how likely they are, choices how likely each option is, and every sample's tokens are counted."""
    told: list[LlmRequest] = []
    async with FakeLlm(with_log_probabilities) as fake:
        client = make_client(fake, on_request=told.append)
        await client.connect()
        samples = await client.sample(MESSAGES, num_samples=2, temperature=0.7, max_tokens=9, seed=5)
        assert [sample.log_probability for sample in samples] == [-3.0, -3.0]
        assert told[-1].completion_tokens == 6
        choice = await choose(client)
        assert choice.index == 1
        assert choice.probabilities == pytest.approx((0.2689, 0.7311, 0.0), abs=1e-4)
        await client.close()


async def test_no_constraint_when_told_so() -> None:
    """A server that would obey a grammar is not sent one."""
    async with FakeLlm(answering(PROBE_WORD)) as fake:
        client = make_client(fake, style=AskingStyle(constraint="none"))
        await client.connect()
        await sample(client, grammar='root ::= "x"')
        assert client.dialect == "free"
        assert not any("grammar" in request for request in fake.requests)
        await client.close()


async def test_a_reasoning_model_answers_after_a_closed_thinking_block() -> None:
    """With a template of ours the prompt is text, and ends where the answer itself begins."""
    async with FakeLlm(lambda request: text_completion(["Storm: Cuba"])) as fake:
        client = make_client(fake, style=AskingStyle(template="deepseek_r1"))
        await client.connect()
        assert await sample(client, 1) == ["Storm: Cuba"]
        assert fake.requests[-1]["prompt"] == f"<｜User｜>{SECRET}<｜Assistant｜><think>\n\n</think>\n\n"
        assert "messages" not in fake.requests[-1]
        await client.close()


async def test_a_bounded_think_comes_before_the_choice() -> None:
    """By setting, the model thinks so many tokens first; the choice follows what it thought, closed by us."""

    def behave(request: dict[str, Any]) -> Reply:
        return text_completion(["hm </b> 2" if "stop" in request else "2"])

    async with FakeLlm(behave) as fake:
        client = make_client(fake, style=AskingStyle(template="qwen3", think_tokens=50))
        await client.connect()
        assert (await choose(client)).index == 1
        thinking, choosing = fake.own_requests
        assert (thinking["max_tokens"], thinking["stop"]) == (50, ["</think>"])
        assert thinking["prompt"].endswith("<|im_start|>assistant\n<think>\n")
        assert choosing["prompt"] == thinking["prompt"] + "hm ‹/b> 2\n</think>\n\n"
        assert choosing["max_tokens"] == 9
        await sample(client, 1)
        assert fake.requests[-1]["prompt"].endswith("<think>\n\n</think>\n\n")
        await client.close()


def test_thinking_is_taken_away() -> None:
    """What comes before the end of thinking is no answer, and thinking that never ends leaves none."""
    assert after_thinking("<think>1 or 2?</think>\nStorm: Cuba") == "Storm: Cuba"
    assert after_thinking("the template opened it</think>Storm: Cuba") == "Storm: Cuba"
    assert after_thinking("<think>Storm: Cuba, no,") == ""
    assert after_thinking("<think>a</think>b<think>c") == ""
    assert chosen_index("<think>1? 2? 3?</think> 02", 3) == 1
