"""Servers that refuse requests which others accept: harmless questions at the start find that out."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.client import LlmClient
from pipeline.llm.grammar import PROBE_WORD
from tests.pipeline.llm.client import DEMANDS, choose, connect, sample
from tests.pipeline.llm.fake_llm import (
    Behaviour,
    FakeLlm,
    Picky,
    Reply,
    answering,
    failure,
    is_canary,
    models,
    prompt_bytes,
)

_SHORT = 1_000  # bytes; above the short harmless prompt, below all real ones


@asynccontextmanager
async def _asked(
    behave: Behaviour, **options: Any
) -> AsyncIterator[tuple[FakeLlm, Callable[[], Awaitable[LlmClient]]]]:
    """A fake, and a function that connects to it a client with the demands of the pipeline."""
    async with FakeLlm(behave) as fake, AsyncExitStack() as clients:

        async def examine() -> LlmClient:
            client = await connect(fake, demands=DEMANDS, **options)
            clients.push_async_callback(client.close)
            return client

        yield fake, examine


@pytest.mark.parametrize("names_fields", [True, False])
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("picky", "logged", "missing", "expected"),
    [
        (
            Picky(refused_fields=frozenset({"max_tokens"})),
            "max_tokens is sent as max_completion_tokens",
            {"max_tokens"},
            {"max_completion_tokens": 9, "temperature": 0.7, "seed": 5, "n": 2},
        ),
        (
            Picky(refused_fields=frozenset({"seed"})),
            "seed is left out",
            {"seed"},
            {"max_tokens": 9, "temperature": 0.7},
        ),
        (
            Picky(temperatures=(1.0,)),
            "temperature is left out",
            {"temperature"},
            {"max_tokens": 9, "seed": 5},
        ),
        (
            Picky(refused_fields=frozenset({"temperature"})),
            "temperature is left out",
            {"temperature"},
            {"seed": 5},
        ),
        (Picky(max_n=1), "one request asks for no more than 1 samples", {"n"}, {"seed": 5}),
        (
            Picky(refused_fields=frozenset({"n"})),
            "one request asks for no more than 1 samples",
            {"n"},
            {"max_tokens": 9},
        ),
        (
            Picky(
                refused_fields=frozenset({"max_tokens", "seed", "temperature", "n", "logprobs", "grammar"})
            ),
            "max_tokens is sent as max_completion_tokens; seed is left out; temperature is left out; one request",
            {"max_tokens", "seed", "temperature", "n", "logprobs", "grammar"},
            {"max_completion_tokens": 9},
        ),
    ],
)
async def test_a_refused_field_is_left_out_or_renamed(
    picky: Picky,
    logged: str,
    missing: set[str],
    expected: dict[str, Any],
    status: int,
    names_fields: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Posts are sent without the field, whether or not the server names it, and one log line reports that."""
    async with _asked(replace(picky, status=status, names_fields=names_fields)) as (fake, examine):
        client = await examine()
        assert await sample(client, 2, grammar='root ::= "x"') == ["Fire: Athens"] * 2
        request = fake.own_requests[0]
        assert missing.isdisjoint(request)
        assert {name: request[name] for name in expected} == expected
        # A choice is asked for with other fields: temperature 0, and more log-probabilities.
        await choose(client)
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert logged in line


@pytest.mark.parametrize(("max_n", "asked"), [(5, 4), (3, 2), (8, 8)])
async def test_n_is_the_largest_half_that_is_answered(max_n: int, asked: int) -> None:
    """The examination finds the largest `n`, so no post is refused for it."""
    async with _asked(Picky(max_n=max_n)) as (fake, examine):
        client = await examine()
        assert len(await sample(client, 8)) == 8
        assert fake.own_requests[0]["n"] == asked
        assert len(fake.own_requests) == 8 // asked


async def test_instructions_go_to_the_user_if_a_system_message_is_refused() -> None:
    """Gemma's template refuses a system message; its text is not lost."""
    async with _asked(Picky(takes_system=False)) as (fake, examine):
        client = await examine()
        messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A post"}]
        await client.sample(messages, num_samples=1, temperature=0.7, max_tokens=9, seed=1)
        assert fake.requests[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nA post"}]


async def test_fewer_log_probabilities_are_better_than_none() -> None:
    """A server that gives no more than five alternatives is asked for five."""

    def behave(request: dict[str, Any]) -> Reply:
        if request.get("top_logprobs", 0) > 5:
            return failure(400)
        token = {"token": "1", "logprob": -0.1}
        choice: dict[str, Any] = {"message": {"content": "1"}, "finish_reason": "stop"}
        if "logprobs" in request:
            choice["logprobs"] = {"content": [token | {"top_logprobs": [token]}]}
        return Reply(body=json.dumps({"choices": [choice] * request.get("n", 1)}).encode())

    async with _asked(behave) as (fake, examine):
        client = await examine()
        assert (await choose(client)).probabilities is not None
        assert fake.requests[-1]["top_logprobs"] == 5


async def test_of_two_abilities_refused_together_one_is_kept() -> None:
    """A server that obeys grammars and gives log-probabilities, but not both at once, keeps its grammars."""

    def behave(request: dict[str, Any]) -> Reply:
        if "grammar" in request and "logprobs" in request and request.get("n", 1) > 1:
            return failure(400)
        choice: dict[str, Any] = {"message": {"content": PROBE_WORD}, "finish_reason": "stop"}
        if "logprobs" in request:
            token = {"token": "x", "logprob": -0.1}
            choice["logprobs"] = {"content": [token | {"top_logprobs": [token]}]}
        return Reply(body=json.dumps({"choices": [choice] * request.get("n", 1)}).encode())

    async with _asked(behave) as (fake, examine):
        client = await examine()
        await sample(client, 2, grammar='root ::= "x"')
        assert client.dialect == "llama_cpp"
        assert "grammar" in fake.own_requests[0]
        assert "logprobs" not in fake.own_requests[0]


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (
            lambda _: failure(400, kind="invalid_request_error"),
            "even a harmless request: status 400 invalid_request",
        ),
        (lambda _: failure(422), "even a harmless request: status 422 server_error"),
        (lambda _: failure(413), "even a harmless request: status 413"),
        (
            Picky(has_template=False),
            r"status 400 invalid_request_error unsupported_parameter \(messages\).*TEMPLATE",
        ),
        (lambda _: Reply(404, b'{"error": {"message": "gone"}}'), "status 404: check TOCSIN_LLM_URL"),
        (lambda _: failure(401), "status 401 server_error: check TOCSIN_LLM_API_KEY"),
    ],
)
async def test_a_server_that_refuses_everything_is_waited_for(behave: Behaviour, message: str) -> None:
    """The error is one line with status and code, without the words of the server."""
    async with _asked(behave) as (_, examine):
        with pytest.raises(LlmUnavailableError, match=message) as caught:
            await examine()
        assert "\n" not in str(caught.value)


async def test_a_server_without_a_template_is_asked_by_one_of_ours() -> None:
    """One of our templates in the options makes a server without chat template usable."""
    async with _asked(
        lambda request: (
            Reply(body=b'{"choices": [{"text": "Fire: Athens"}]}') if "prompt" in request else failure(400)
        ),
        template="chatml",
    ) as (_, examine):
        client = await examine()
        assert await sample(client, 1) == ["Fire: Athens"]


@pytest.mark.parametrize("longest", ["candidate", "selection"])
async def test_a_context_too_small_for_real_prompts_is_reported_with_its_sizes(longest: str) -> None:
    """The server takes a short prompt and refuses one as long as real ones, for samples or for selection."""

    def behave(request: dict[str, Any]) -> Reply:
        is_selection = prompt_bytes(request) > _SHORT and "You choose" in request["messages"][0]["content"]
        is_small = is_selection == (longest == "selection")
        return Picky(max_prompt_bytes=_SHORT if is_small else 1 << 30)(request)

    async with _asked(behave) as (_, examine):
        with pytest.raises(LlmUnfitError) as caught:
            await examine()
    message = str(caught.value)
    assert "refuses one as long as the longest real prompt" in message
    assert "the server counts 1300 tokens of prompt; its context has 1024 tokens" in message
    assert "exceed_context_size_error" in message
    assert "larger context" in message


async def test_a_context_that_the_longest_real_prompt_just_fits_is_large_enough() -> None:
    """A context that is one byte smaller is too small."""
    longest = max(sum(len(m["content"].encode()) for m in prompt) for prompt in _PROMPTS)
    async with _asked(Picky(max_prompt_bytes=longest)) as (_, examine):
        await examine()
    async with _asked(Picky(max_prompt_bytes=longest - 1)) as (_, examine):
        with pytest.raises(LlmUnfitError):
            await examine()


_PROMPTS = (DEMANDS.candidate_prompt, DEMANDS.selection_prompt or ())


@pytest.mark.parametrize("content", [None, "", "<think>\nOkay, so the user wants"])
async def test_thinking_alone_is_an_error_that_says_what_to_set(content: str | None) -> None:
    """An answer that is cut off during the thinking is not an answer, whether or not the server shows the thinking."""
    choice = {"message": {"content": content}, "finish_reason": "length"}

    def behave(request: dict[str, Any]) -> Reply:
        return Reply(body=json.dumps({"choices": [choice] * request.get("n", 1)}).encode())

    async with _asked(behave) as (_, examine):
        with pytest.raises(
            LlmUnfitError, match=r"thinking alone.* 24 tokens.*TOCSIN_LLM_MAX_TOKENS.*_TEMPLATE"
        ):
            await examine()


async def test_thinking_that_ends_in_time_is_accepted() -> None:
    """A model that thinks within the tokens of an answer is used; its grammar, too, is found with as many."""
    thinker = Picky(answering(PROBE_WORD), thinking_tokens=500)
    async with FakeLlm(thinker) as fake:
        client = await connect(fake, demands=replace(DEMANDS, max_tokens=1000))
        assert client.dialect == "llama_cpp"
        await client.close()


async def test_an_empty_answer_that_ended_by_itself_is_accepted() -> None:
    """A model may have nothing to say."""
    choice = {"message": {"content": ""}, "finish_reason": "stop"}
    async with _asked(
        lambda request: Reply(body=json.dumps({"choices": [choice] * request.get("n", 1)}).encode())
    ) as (_, examine):
        await examine()


@pytest.mark.parametrize(
    ("listed", "wanted", "found"),
    [
        (("qwen3:latest",), "qwen3", "qwen3:latest"),
        (("models/gemini", "models/other"), "gemini", "models/gemini"),
        (("qwen3:latest", "qwen3"), "qwen3", "qwen3"),
        (("qwen3:4b", "qwen3:latest"), None, "qwen3:4b"),
    ],
)
async def test_a_name_is_found_as_the_server_lists_it(
    listed: tuple[str, ...], wanted: str | None, found: str
) -> None:
    """Ollama adds a tag and Gemini a prefix; a name that is listed as it is comes first."""
    async with FakeLlm(answering("x"), models=models(*listed)) as fake:
        client = await connect(fake, model=wanted)
        assert client.model == found
        await client.close()


async def test_a_named_model_that_is_not_there_ends_the_start() -> None:
    """The server is up and lists others: only a setting can change that."""
    async with FakeLlm(answering("x"), models=models("qwen3:4b", "other")) as fake:
        with pytest.raises(
            LlmUnusableError, match="no model 'qwen3'; it lists qwen3:4b, other: set TOCSIN_LLM_MODEL"
        ):
            await connect(fake, model="qwen3")


async def test_a_server_that_lists_nothing_yet_is_waited_for() -> None:
    """It may still be loading its model, so the program does not end."""
    async with FakeLlm(answering("x"), models=models()) as fake:
        with pytest.raises(LlmUnavailableError, match="no model 'qwen3'; it lists none"):
            await connect(fake, model="qwen3")
        fake.models = models("qwen3")
        client = await connect(fake, model="qwen3")
        await client.close()


async def test_all_that_is_asked_at_the_start_is_harmless() -> None:
    """No post is in it, and it takes few requests."""
    async with _asked(answering("x")) as (fake, examine):
        await examine()
        assert all(map(is_canary, fake.requests))
        assert len(fake.requests) <= 8
