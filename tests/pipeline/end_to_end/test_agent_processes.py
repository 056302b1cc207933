"""The agents as a deployment runs them, each its own process: outages of what they stand on, stops and kills.

The broker is the embedded one or Apache Kafka, the LLM a fake over real HTTP that can be away and slow.
"""

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.messages import Alert, outcome_id
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.record import Outgoing
from pipeline.outcomes.outcome import Outcome, outcome_topics, read_outcome
from pipeline.settings import Settings
from tests.pipeline.agent_process import AgentProcess, running, until, until_logged
from tests.pipeline.fakes import make_annotated_post
from tests.pipeline.kafka.brokers import BrokerKind
from tests.pipeline.llm.fake_llm import FakeLlm, Reply, answering, failure, is_canary, models

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_ANSWER = answering("Fire: Athens")


async def _produce(settings: Settings, records: Sequence[Outgoing]) -> None:
    await ensure_topics(settings)
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish(records)
    await publisher.close()


async def _outcomes(settings: Settings, num_posts: int, *, timeout_seconds: float = 90) -> Counter[str]:
    """Return how often each post came to an outcome, once all have, and a little longer."""
    seen: Counter[str] = Counter()
    async with follow(Cluster(settings.brokers), outcome_topics(settings), from_beginning=True) as records:
        async with asyncio.timeout(timeout_seconds):
            while len(seen) < num_posts:
                outcome = read_outcome(await anext(records), settings)
                seen[_name(outcome)] += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                async for record in records:
                    seen[_name(read_outcome(record, settings))] += 1
    return seen


def _name(outcome: Outcome) -> str:
    return str(outcome.origin) if isinstance(outcome, DeadLetter) else outcome.id


def _annotated_posts(number: int) -> list[Outgoing]:
    return [_annotated_post(f"p{n}") for n in range(number)]


def _annotated_post(post_id: str) -> Outgoing:
    post = make_annotated_post("Fire in Athens", post_id=post_id)
    return Outgoing("posts.annotated", post_id.encode(), encode(post))


async def test_agents_wait_for_what_is_not_there_yet_and_go_on(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """Started before the broker and before the LLM server, they say so, keep trying, and then do their work."""
    llm = FakeLlm(_ANSWER, port=find_free_port())
    port = find_free_port()
    settings = broker_kind.settings(port)
    annotate = AgentProcess("annotate", tmp_path / "annotate.log", settings)
    alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url)
    async with running(annotate, alert):
        await until_logged(annotate, "no Kafka broker at")
        async with broker_kind.running(port):
            await annotate.wait_until_ready()
            await until_logged(alert, f"LLM server at {llm.url}")
            post = orjson.dumps({"id": "p", "text": "Big fire in Athens on Monday"})
            await _produce(settings, [Outgoing("posts", b"p", post), Outgoing("posts", None, b"broken")])
            async with llm:
                assert set((await _outcomes(settings, 2)).values()) == {1}
            assert await alert.stop() < 20
            assert await annotate.stop() < 10


@pytest.mark.parametrize("seconds", [2.0, 4.0, 6.0])
async def test_stopping_while_it_still_loads_ends_well(tmp_path: Path, seconds: float) -> None:
    """SIGTERM at any moment of the start ends the agent with status 0, within ten seconds."""
    nobody = Settings(brokers=f"127.0.0.1:{find_free_port()}")
    agent = AgentProcess("annotate", tmp_path / "log", nobody)
    async with running(agent):
        await asyncio.sleep(seconds)
        assert await agent.stop() < 10


async def test_an_outage_of_the_llm_loses_nothing_and_buries_nothing(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """Posts wait while the server is gone, and get their alerts when it is back."""
    async with broker_kind.running() as settings:
        await _produce(settings, [])
        llm = FakeLlm(_ANSWER)
        async with llm:
            alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url)
            await alert.start()
            await alert.wait_until_ready()
        try:
            await _produce(settings, _annotated_posts(20))
            await until_logged(alert, "trying again until it answers")
            async with llm:
                seen = await _outcomes(settings, 20)
            assert set(seen.values()) == {1}
            assert await alert.stop() < 20
        finally:
            await alert.kill()


async def test_readiness_follows_the_llm_and_no_post_is_buried(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """Killed, back but refusing everything, mended: the state and its reason say so each time; then all is alerted."""
    async with broker_kind.running() as settings:
        await _produce(settings, [])
        llm = FakeLlm(_ANSWER)
        async with llm:
            alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url)
            await alert.start()
            await alert.wait_until_ready()
        try:
            await _produce(settings, _annotated_posts(20))
            await alert.until_state("LLM not usable", "cannot be reached")
            llm.behave = lambda _: failure(400, kind="invalid_request_error")
            async with llm:
                await alert.until_state("LLM not usable", "status 400 invalid_request_error")
                llm.behave = _ANSWER
                seen = await _outcomes(settings, 20)
                await alert.wait_until_ready()
            assert seen == {outcome_id(f"p{number}"): 1 for number in range(20)}
            assert await alert.stop() < 20
        finally:
            await alert.kill()


async def test_a_server_without_the_named_model_ends_the_start(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """With status 1 and one line that says what to set."""
    async with broker_kind.running() as settings, FakeLlm(_ANSWER, models=models("a", "b")) as llm:
        await _produce(settings, [])
        alert = AgentProcess("alert", tmp_path / "log", settings, llm_url=llm.url, llm_model="c")
        async with running(alert):
            assert await asyncio.wait_for(alert.process.wait(), 60) == 1
        text = alert.log_file.read_text()
        assert text.splitlines()[-1].startswith(
            f"tocsin: LLM server at {llm.url} has no model 'c'; it lists a, b"
        )
        assert "Traceback" not in text


async def test_stopping_with_work_in_hand_doubles_nothing(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """SIGTERM: posts in work are finished, the rest is given back, and the next process does just that rest."""
    slow = FakeLlm(lambda request: Reply(body=_ANSWER(request).body, delay_seconds=1.0))
    async with broker_kind.running() as settings, slow:
        await _produce(settings, _annotated_posts(30))
        options: dict[str, object] = {"llm_url": slow.url, "llm_max_requests": 4}
        first = AgentProcess("alert", tmp_path / "first.log", settings, **options)
        async with running(first):
            await until(lambda: len(slow.own_requests) >= 6)
            assert await first.stop() < 10
        num_done = len(slow.own_requests)
        assert num_done < 30
        second = AgentProcess("alert", tmp_path / "second.log", settings, **options)
        async with running(second):
            seen = await _outcomes(settings, 30)
        assert set(seen.values()) == {1}


async def test_killed_agents_lose_nothing(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """SIGKILL in the middle of the work, twice: every post still comes to its outcome, under one id."""
    llm = FakeLlm(lambda request: Reply(body=_ANSWER(request).body, delay_seconds=0.1))
    async with broker_kind.running() as settings, llm:
        await _produce(settings, _annotated_posts(60))
        for number in range(2):
            victim = AgentProcess("alert", tmp_path / f"{number}.log", settings, llm_url=llm.url)
            wanted = len(llm.own_requests) + 10
            async with running(victim):
                await until(functools.partial(_has_requests, llm, wanted))
        survivor = AgentProcess("alert", tmp_path / "last.log", settings, llm_url=llm.url)
        async with running(survivor):
            assert len(await _outcomes(settings, 60)) == 60


async def test_a_group_that_starts_anew_alerts_nobody_anew(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """All is read again from the beginning, by an LLM that answers otherwise: nothing new is published."""
    llm = FakeLlm(_ANSWER)
    async with broker_kind.running() as settings, llm:
        await _produce(settings, _annotated_posts(40))
        first = AgentProcess("alert", tmp_path / "first.log", settings, llm_url=llm.url)
        async with running(first):
            await _outcomes(settings, 40)
        llm.behave = answering("Flood: Athens")
        num_requests = len(llm.own_requests)
        second = AgentProcess("alert", tmp_path / "second.log", settings, llm_url=llm.url, alert_group="anew")
        async with running(second):
            await until(lambda: "40 outcomes of" in second.log_file.read_text())
            await _produce(settings, [_annotated_post("new")])
            assert set((await _outcomes(settings, 41)).values()) == {1}
        assert len(llm.own_requests) - num_requests == 1


async def test_without_an_llm_for_long_there_are_labelled_alerts_where_the_settings_allow_it(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """And real ones again once it is back."""
    async with broker_kind.running() as settings:
        await _produce(settings, [])
        llm = FakeLlm(_ANSWER, port=find_free_port())
        async with llm:
            alert = AgentProcess(
                "alert", tmp_path / "log", settings, llm_url=llm.url, degraded_after_seconds=1
            )
            await alert.start()
            await alert.wait_until_ready()
        try:
            await _produce(settings, [_annotated_post("without")])
            await _outcomes(settings, 1)
            async with llm:
                await until(lambda: "answers again" in alert.log_file.read_text())
                await _produce(settings, [_annotated_post("with")])
                await _outcomes(settings, 2)
        finally:
            await alert.kill()
        async with follow(Cluster(settings.brokers), ["alerts"], from_beginning=True) as records:
            alerts = [read_outcome(await anext(records), settings) for _ in range(2)]
        told = {alert.post.id: (alert.degraded, alert.alert) for alert in alerts if isinstance(alert, Alert)}
        assert told == {"without": (True, "Negative mention: Athens"), "with": (False, "Fire: Athens")}


async def test_a_stuck_agent_ends_itself_where_the_settings_ask_for_it(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """Records wait, nothing moves: status 1, the reason in the log, and the next process gets them."""
    stuck = FakeLlm(
        lambda request: _ANSWER(request) if is_canary(request) else Reply(delay_seconds=600),
        port=find_free_port(),
    )
    async with broker_kind.running() as settings, stuck:
        await _produce(settings, _annotated_posts(5))
        options: dict[str, object] = {"llm_timeout_seconds": 600, "stall_seconds": 4, "stall_exit": True}
        agent = AgentProcess("alert", tmp_path / "log", settings, llm_url=stuck.url, **options)
        async with running(agent):
            assert await asyncio.wait_for(agent.process.wait(), 90) == 1
        assert "ending the process: 5 records wait and nothing moved" in agent.log_file.read_text()
        stuck.behave = _ANSWER
        healthy = AgentProcess("alert", tmp_path / "healthy.log", settings, llm_url=stuck.url)
        async with running(healthy):
            assert set((await _outcomes(settings, 5)).values()) == {1}


def _has_requests(llm: FakeLlm, number: int) -> bool:
    return len(llm.own_requests) >= number
