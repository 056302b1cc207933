"""A server that fails while posts flow: posts wait, none is refused, the state is reported, and all go on later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import pipeline.llm.client
import pipeline.llm.gate
from pipeline.errors import LlmRefusedError, LlmUnavailableError, LlmUnfitError
from pipeline.llm.client import LlmClient
from pipeline.llm.gate import LlmGate, is_passing
from pipeline.llm.grammar import PROBE_WORD
from pipeline.llm.http import LlmBusyError
from tests.pipeline.llm.client import DEMANDS, SECRET, connect, sample
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
    thinking_alone,
)

_WELL = answering("Fire: Athens")
_SHORT = 1_000  # bytes; above the short harmless prompt and our posts, below the longest prompts


@dataclass
class _Used:
    """A client in use, and the states that it has reported."""

    fake: FakeLlm
    client: LlmClient
    reported: list[str] = field(default_factory=list)

    async def until_reported(self, text: str) -> None:
        await _until(lambda: any(text in reason for reason in self.reported))

    async def until_usable(self) -> None:
        await _until(lambda: bool(self.reported) and self.reported[-1] == "")


@asynccontextmanager
async def _used(behave: Behaviour = _WELL, *, model: str | None = None) -> AsyncIterator[_Used]:
    """A client that has connected to a fake which then behaves well."""
    reported: list[str] = []
    async with FakeLlm(behave) as fake:
        client = await connect(fake, model=model, demands=DEMANDS, on_state=reported.append)
        fake.requests.clear()
        yield _Used(fake, client, reported)
        await client.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            lambda _: failure(400, kind="invalid_request_error"),
            "even a harmless request: status 400 invalid_request",
        ),
        (lambda _: failure(422), "even a harmless request: status 422"),
        (lambda _: failure(413), "even a harmless request: status 413"),
        (Picky(has_template=False), "even a harmless request: status 400"),
        (Picky(max_prompt_bytes=_SHORT), "refuses one as long as the longest real prompt"),
        (lambda request: thinking_alone(request.get("n", 1)), "thinking alone"),
        (lambda _: failure(401), "status 401 server_error: check TOCSIN_LLM_API_KEY"),
        (lambda _: failure(403), "status 403"),
        (lambda _: failure(404), "status 404"),
        (lambda _: failure(500), "status 500"),
        (lambda _: failure(503), "is busy: status 503"),
        (lambda _: Reply(body=b"<html>"), "does not answer as OpenAI's API does"),
    ],
)
async def test_posts_wait_for_a_server_that_answers_no_question(
    bad: Behaviour, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the failure: no post is refused, the reason is reported, and all posts are answered afterwards."""
    caplog.set_level(logging.INFO, "pipeline")
    async with _used() as used:
        used.fake.behave = bad
        posts = [asyncio.create_task(_long_sample(used.client)) for _ in range(5)]
        await used.until_reported(reason)
        assert not any(post.done() for post in posts)
        used.fake.behave = _WELL
        assert await asyncio.wait_for(asyncio.gather(*posts), 30) == [["Fire: Athens"]] * 5
        assert used.reported[-1] == ""
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len([line for line in lines if reason in line]) == 1
    assert "answers again" in caplog.text
    assert SECRET not in caplog.text


async def _long_sample(client: LlmClient) -> list[str]:
    """Ask about a post that is long enough for a small context to refuse it."""
    messages: Any = [{"role": "user", "content": SECRET * 60}]
    samples = await client.sample(messages, num_samples=1, temperature=0.7, max_tokens=9, seed=5)
    return [sample.text for sample in samples]


async def test_a_recovery_is_noticed_without_a_post() -> None:
    """The state is reported although no question waits any more."""
    async with _used() as used:
        port = used.fake.port
        await used.fake.__aexit__(None, None, None)
        post = asyncio.create_task(sample(used.client, 1))
        await used.until_reported("cannot be reached")
        post.cancel()
        with suppress(asyncio.CancelledError):
            await post
        async with FakeLlm(_WELL, port=port):
            await used.until_usable()


async def test_a_short_failure_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Half of the answers fail, those to harmless questions too: the state stays as it was."""
    num_asked = 0

    def behave(request: dict[str, Any]) -> Reply:
        nonlocal num_asked
        num_asked += 1
        return failure(500) if num_asked % 4 < 2 else _WELL(request)

    async with _used() as used:
        used.fake.behave = behave
        for _ in range(10):
            assert await sample(used.client, 1) == ["Fire: Athens"]
        assert used.reported == []


async def test_a_post_that_is_refused_alone_leaves_the_server_usable() -> None:
    """Its twin, a harmless question with the same fields, is answered, so the post is at fault."""
    async with _used() as used:
        used.fake.behave = lambda request: _WELL(request) if is_canary(request) else failure(400)
        with pytest.raises(LlmRefusedError):
            await sample(used.client, 2)
        refused, twin, *_ = used.fake.requests
        assert refused | {"messages": None} == twin | {"messages": None}
        assert used.reported == []


@pytest.mark.parametrize(
    "picky",
    [
        Picky(refused_fields=frozenset({"max_tokens"})),
        Picky(refused_fields=frozenset({"seed"}), names_fields=False),
        Picky(temperatures=(1.0,), status=422),
        Picky(max_n=1),
        Picky(takes_system=False),
    ],
)
async def test_a_server_that_begins_to_refuse_a_field_is_asked_without_it(picky: Picky) -> None:
    """A gateway's update in the middle of the work refuses a field; no post is refused for that."""
    async with _used() as used:
        used.fake.behave = picky
        messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": SECRET}]
        samples = await used.client.sample(messages, num_samples=3, temperature=0.7, max_tokens=9, seed=5)
        assert [sample.text for sample in samples] == ["Fire: Athens"] * 3


async def test_n_rises_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A larger `n` is tried again with harmless questions, and the change is logged."""
    caplog.set_level(logging.INFO, "pipeline")
    async with _used(Picky(max_n=2)) as used:
        await sample(used.client, 8)
        assert max(request.get("n", 1) for request in used.fake.requests) == 2
        used.fake.behave = _WELL
        await sample(used.client, 8)
        assert max(request.get("n", 1) for request in used.fake.requests) == 2
        monkeypatch.setattr(pipeline.llm.client, "_EXAMINE_AGAIN_SECONDS", 0.0)
        await sample(used.client, 8)
        await _until(lambda: "now takes every field of our requests" in caplog.text)
        used.fake.requests.clear()
        await sample(used.client, 8)
        assert [request["n"] for request in used.fake.own_requests] == [8]


async def test_a_server_that_was_gone_is_examined_again() -> None:
    """Another server may have come in its place, with more slots and another model."""
    async with _used(Picky(max_n=2)) as used:
        port = used.fake.port
        await used.fake.__aexit__(None, None, None)
        post = asyncio.create_task(sample(used.client, 8))
        await used.until_reported("cannot be reached")
        async with FakeLlm(_WELL, port=port, models=models("another")) as other:
            assert len(await post) == 8
            assert [(request["n"], request["model"]) for request in other.own_requests] == [(8, "another")]
            assert used.client.model == "another"


async def test_a_busy_server_gets_only_small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may limit tokens, so the questions whether it is still busy take few."""
    monkeypatch.setattr(pipeline.llm.client, "_LONG_OUTAGE_SECONDS", 0.0)
    async with _used() as used:
        used.fake.behave = lambda _: failure(429)
        post = asyncio.create_task(sample(used.client, 8))
        await _until(lambda: len(used.fake.requests) > 10)
        canaries = [request for request in used.fake.requests if is_canary(request)]
        assert max(map(prompt_bytes, canaries)) < _SHORT
        assert not any("n" in request for request in canaries)
        used.fake.behave = _WELL
        assert len(await post) == 8


async def test_a_busy_server_that_then_refuses_a_field_is_asked_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The small question is refused as well, which starts an examination of the server."""
    async with _used() as used:
        used.fake.behave = lambda _: failure(503)
        post = asyncio.create_task(sample(used.client, 1))
        await _until(lambda: len(used.fake.requests) > 1)
        used.fake.behave = Picky(refused_fields=frozenset({"max_tokens"}))
        assert await asyncio.wait_for(post, 30) == ["Fire: Athens"]
    assert "refuses even a harmless request: status 400" in caplog.text
    assert "cannot be examined" not in caplog.text


async def test_a_server_that_was_gone_and_loads_is_examined_again() -> None:
    """The server answers that it is busy until its model is loaded, which may be another model."""
    async with _used() as used:
        port = used.fake.port
        await used.fake.__aexit__(None, None, None)
        post = asyncio.create_task(sample(used.client, 1))
        await used.until_reported("cannot be reached")
        async with FakeLlm(lambda _: failure(503), port=port, models=failure(503)) as other:
            await used.until_reported("is busy: status 503")
            other.behave, other.models = _WELL, models("another")
            assert await asyncio.wait_for(post, 30) == ["Fire: Athens"]
            assert used.client.model == "another"
            assert other.own_requests[-1]["model"] == "another"


async def test_a_server_that_was_busy_for_long_is_examined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway answers 503 while the server behind it is replaced."""
    monkeypatch.setattr(pipeline.llm.client, "_LONG_OUTAGE_SECONDS", 0.0)
    async with _used() as used:
        used.fake.behave = lambda _: failure(503)
        post = asyncio.create_task(sample(used.client, 1))
        await _until(lambda: len(used.fake.requests) > 1)
        used.fake.behave, used.fake.models = _WELL, models("another")
        assert await asyncio.wait_for(post, 30) == ["Fire: Athens"]
        assert used.client.model == "another"


async def test_an_examination_that_exceeds_a_limit_does_not_stop_posts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a long outage a busy server is examined again. If that is too much at once, posts go on as before."""
    monkeypatch.setattr(pipeline.llm.client, "_LONG_OUTAGE_SECONDS", 0.0)
    async with _used() as used:
        used.fake.behave = lambda _: failure(429)
        post = asyncio.create_task(sample(used.client, 2))
        await _until(lambda: len(used.fake.requests) > 1)
        used.fake.behave = lambda request: (
            failure(429) if is_canary(request) and "n" in request else _WELL(request)
        )
        assert len(await asyncio.wait_for(post, 30)) == 2


async def test_a_server_that_failed_for_long_is_examined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway answers 502 while the server behind it is replaced by one with more slots."""
    async with _used(Picky(max_n=2)) as used:
        used.fake.behave = lambda _: failure(502)
        post = asyncio.create_task(sample(used.client, 8))
        await _until(lambda: len(used.fake.requests) > 3)
        monkeypatch.setattr(pipeline.llm.client, "_LONG_OUTAGE_SECONDS", 0.0)
        used.fake.behave = _WELL
        await post
        assert used.fake.own_requests[-1]["n"] == 8


async def test_a_named_model_that_vanished_is_waited_for() -> None:
    """That does not end an agent that runs: the model may be under replacement."""
    async with _used(model="fake-model") as used:
        used.fake.behave, used.fake.models = lambda _: failure(404), models("other")
        post = asyncio.create_task(sample(used.client, 1))
        await used.until_reported("no model 'fake-model'; it lists other")
        used.fake.behave, used.fake.models = _WELL, models("fake-model:latest")
        assert await asyncio.wait_for(post, 30) == ["Fire: Athens"]
        assert used.client.model == "fake-model:latest"


async def test_a_post_that_is_thought_about_too_long_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Only its own samples are empty; one line says what to set, however many such posts come."""
    async with _used() as used:
        used.fake.behave = lambda request: (
            _WELL(request) if is_canary(request) else thinking_alone(request.get("n", 1))
        )
        for _ in range(3):
            assert await sample(used.client, 2) == ["", ""]
        assert used.reported == []
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "TOCSIN_LLM_MAX_TOKENS" in line


async def test_a_server_unfit_for_give_up_seconds_is_an_error() -> None:
    """The same holds for a server that is away: then the agent may alert without an LLM. The post is not refused."""
    async with FakeLlm(_WELL) as fake:
        client = await connect(fake, demands=DEMANDS, give_up_seconds=0.3)
        fake.behave = lambda _: failure(400)
        for _ in range(2):
            with pytest.raises(LlmUnavailableError, match="status 400"):
                await sample(client, 1)
        fake.behave = _WELL
        assert await _sample_in_the_end(client) == ["Fire: Athens"]
        await client.close()


async def _sample_in_the_end(client: LlmClient) -> list[str]:
    """Ask until the client knows that the outage is over."""
    async with asyncio.timeout(30):
        while True:
            with suppress(LlmUnavailableError):
                return await sample(client, 1)
            await asyncio.sleep(0.01)


async def test_after_give_up_seconds_no_further_post_is_sent() -> None:
    """Each would wait for a whole timeout, and for another one of the harmless question."""
    async with FakeLlm(_WELL) as fake:
        client = await connect(fake, timeout_seconds=0.3, give_up_seconds=0.2)
        fake.behave = lambda request: replace(_WELL(request), delay_seconds=60.0)
        with pytest.raises(LlmUnavailableError, match="gives no answer in"):
            await sample(client, 1)
        num_asked = len(fake.own_requests)
        for _ in range(5):
            with pytest.raises(LlmUnavailableError, match="gives no answer in"):
                await sample(client, 1)
        assert len(fake.own_requests) == num_asked
        fake.behave = _WELL
        assert await _sample_in_the_end(client) == ["Fire: Athens"]
        await client.close()


async def test_a_server_that_answers_harmless_questions_alone_is_not_usable() -> None:
    """It takes small requests, and real ones exceed its limit: the state stays until a post is answered."""
    async with _used() as used:
        used.fake.behave = lambda request: failure(429) if request.get("n", 1) > 1 else _WELL(request)
        post = asyncio.create_task(sample(used.client, 8))
        await used.until_reported("is busy: status 429")
        num_requests = len(used.fake.requests)
        await _until(lambda: len(used.fake.requests) > num_requests + 6)
        assert "" not in used.reported
        used.fake.behave = _WELL
        assert len(await asyncio.wait_for(post, 30)) == 8
        assert used.reported[-1] == ""


async def test_without_posts_a_gate_that_stays_open_makes_the_agent_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The post that had trouble went to another agent of the group: this one is ready for others after a while."""
    monkeypatch.setattr(pipeline.llm.gate, "_PROOF_SECONDS", 1.0)
    async with _used() as used:
        used.fake.behave = lambda request: failure(429) if request.get("n", 1) > 1 else _WELL(request)
        post = asyncio.create_task(sample(used.client, 8))
        await used.until_reported("is busy: status 429")
        post.cancel()
        with suppress(asyncio.CancelledError):
            await post
        await used.until_usable()


async def test_grammars_that_were_lost_are_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that came back without grammars may support them again later."""
    obeys = Picky(answering(PROBE_WORD))
    async with _used(obeys) as used:
        assert used.client.dialect == "llama_cpp"
        port = used.fake.port
        await used.fake.__aexit__(None, None, None)
        post = asyncio.create_task(sample(used.client, 1))
        await used.until_reported("cannot be reached")
        async with FakeLlm(_WELL, port=port) as other:
            await post
            assert used.client.dialect == "free"
            other.behave = obeys
            monkeypatch.setattr(pipeline.llm.client, "_EXAMINE_AGAIN_SECONDS", 0.0)
            await sample(used.client, 1)
            await _until(lambda: used.client.dialect == "llama_cpp")


class _Recoveries:
    """A gate by itself, and the errors from which it was to recover; the first attempts raise."""

    def __init__(self, *raised: Exception) -> None:
        self.errors: list[Exception] = []
        self.reported: list[str] = []
        self._raised = list(raised)
        self.gate = LlmGate(
            "the server", self._recover, on_state=self.reported.append, max_backoff_seconds=0.01
        )

    async def shut_and_recover(self, *errors: LlmUnavailableError) -> None:
        for error in errors:
            self.gate.shut(error)
        await asyncio.wait_for(self.gate.wait(float("inf")), 30)

    async def _recover(self, error: Exception) -> None:
        self.errors.append(error)
        if self._raised:
            raise self._raised.pop(0)


async def test_a_defect_in_a_recovery_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """The text may repeat a prompt. Afterwards the server counts as unknown."""
    recoveries = _Recoveries(ValueError(SECRET), ValueError(SECRET))
    await recoveries.shut_and_recover(LlmBusyError("busy"))
    assert [is_passing(error) for error in recoveries.errors] == [True, False, False]
    lines = [record.getMessage() for record in caplog.records]
    assert len([line for line in lines if "ValueError in test_gate.py, line" in line]) == 1
    assert SECRET not in caplog.text


async def test_a_late_answer_does_not_hide_that_the_server_is_busy() -> None:
    """A late answer to another question changes nothing: a busy server is asked little, and not examined again."""
    busy, unfit = LlmBusyError("busy"), LlmUnfitError("unfit")
    recoveries = _Recoveries()
    await recoveries.shut_and_recover(busy, unfit)
    assert recoveries.errors == [busy]


async def test_a_server_that_is_unfit_again_and_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It takes harmless questions after each examination, and no post ever: the fourth time is logged."""
    recoveries = _Recoveries()
    for num_lines in (0, 0, 0, 1):
        await recoveries.shut_and_recover(LlmUnfitError("unfit"))
        assert caplog.text.count("unfit; trying again") == num_lines


async def test_relapses_make_the_pauses_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a server that answers only harmless questions gets the same post again and again without a pause."""
    attempts: list[int] = []

    def no_pause(attempt: int, *, max_seconds: float) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(pipeline.llm.gate, "backoff_seconds", no_pause)
    recoveries = _Recoveries()
    for _ in range(3):
        await recoveries.shut_and_recover(LlmBusyError("busy"))
    assert attempts == [0, 1, 2]
    recoveries.gate.answered(is_post=True)
    await recoveries.shut_and_recover(LlmBusyError("busy"))
    assert attempts == [0, 1, 2, 0]
