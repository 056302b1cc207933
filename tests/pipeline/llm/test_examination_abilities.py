"""Grammars and log-probabilities of a server, as the examination finds them."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from pipeline.errors import LlmUnavailableError
from pipeline.llm.grammar import PROBE_WORD
from pipeline.llm.http import LlmRequest
from tests.pipeline.llm.client import MESSAGES, choose, connect, sample
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering, completion, failure


@pytest.mark.parametrize(("field", "dialect"), [("grammar", "llama_cpp"), ("structured_outputs", "vllm")])
async def test_the_dialect_is_what_the_server_obeys(field: str, dialect: str) -> None:
    """Status 200 does not prove that a server obeys a field; the field that it obeys is used from then on."""

    def behave(request: dict[str, Any]) -> Reply:
        return completion([PROBE_WORD if field in request else "Hello!"])

    async with FakeLlm(behave) as fake:
        client = await connect(fake)
        assert client.dialect == dialect
        await sample(client, 1, grammar='root ::= "x"')
        assert 'root ::= "x"' in json.dumps(fake.requests[-1][field]).replace('\\"', '"')
        await client.close()


async def test_a_server_that_refuses_unknown_fields_is_free() -> None:
    """OpenAI's own API answers 400 to fields that it does not know: it gets no grammar, and nothing fails."""

    def behave(request: dict[str, Any]) -> Reply:
        return failure(400) if {"grammar", "structured_outputs"} & request.keys() else completion(["x"])

    async with FakeLlm(behave) as fake:
        client = await connect(fake)
        assert client.dialect == "free"
        assert await sample(client, 1, grammar='root ::= "x"') == ["x"]
        await client.close()


def with_log_probabilities(request: dict[str, Any]) -> Reply:
    """A server that answers " 2" and finds that and " 1" likely; three tokens a sample."""
    alternatives = [{"token": " 2", "logprob": -0.5}, {"token": " 1", "logprob": -1.5}]
    tokens = [{"token": "x", "logprob": -1.0, "top_logprobs": alternatives}] * 3
    choice: dict[str, Any] = {"message": {"content": "2"}}
    if "logprobs" in request:
        choice["logprobs"] = {"content": tokens}
    body = {"choices": [choice] * request.get("n", 1), "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    return Reply(body=json.dumps(body).encode())


async def test_log_probabilities_are_asked_for_if_the_server_gives_them() -> None:
    """Samples and options have probabilities, and the tokens of every sample are counted."""
    reported: list[LlmRequest] = []
    async with FakeLlm(with_log_probabilities) as fake:
        client = await connect(fake, on_request=reported.append)
        samples = await client.sample(MESSAGES, num_samples=2, temperature=0.7, max_tokens=9, seed=5)
        assert [sample.log_probability for sample in samples] == [-3.0, -3.0]
        assert reported[-1].completion_tokens == 6
        choice = await choose(client)
        assert choice.index == 1
        assert choice.probabilities == pytest.approx((0.2689, 0.7311, 0.0), abs=1e-4)
        await client.close()


async def test_an_answer_of_nothing_does_not_hide_log_probabilities() -> None:
    """A sampled answer may be empty. The examination finds log-probabilities all the same."""

    def end_at_once_unless_greedy(request: dict[str, Any]) -> Reply:
        if request.get("temperature") == 0 or "logprobs" not in request:
            return with_log_probabilities(request)
        choice = {"message": {"content": ""}, "logprobs": {"content": []}}
        return Reply(body=json.dumps({"choices": [choice] * request.get("n", 1)}).encode())

    async with FakeLlm(end_at_once_unless_greedy) as fake:
        client = await connect(fake)
        assert (await choose(client)).probabilities is not None
        await client.close()


async def test_the_constraint_none_sends_no_grammar() -> None:
    """A server that would obey a grammar is not sent one."""
    async with FakeLlm(answering(PROBE_WORD)) as fake:
        client = await connect(fake, constraint="none")
        await sample(client, grammar='root ::= "x"')
        assert client.dialect == "free"
        assert not any("grammar" in request for request in fake.requests)
        await client.close()


async def test_what_the_server_supports_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """One line at the start, and another one only after a change."""
    caplog.set_level(logging.INFO, "pipeline.llm.client")
    async with FakeLlm(with_log_probabilities) as fake:
        client = await connect(fake)
        await client.examine()
        fake.behave = answering(PROBE_WORD)
        await client.examine()
        await client.close()
    asked = [line.partition("using ")[2] for line in caplog.messages]
    assert asked == [
        "model fake-model, the server's chat template, no grammars, log-probabilities of 20 alternatives",
        "model fake-model, the server's chat template, grammars in the form of llama_cpp, no log-probabilities",
    ]


async def test_a_server_may_come_back_with_another_model() -> None:
    """If the options name no model, the client takes the one that the server lists now."""
    async with FakeLlm(lambda request: failure(503)) as fake:
        with pytest.raises(LlmUnavailableError):
            await connect(fake)
        fake.behave, fake.models = answering("hello"), Reply(body=b'{"data": [{"id": "another"}]}')
        client = await connect(fake)
        assert client.model == "another"
        await client.close()
