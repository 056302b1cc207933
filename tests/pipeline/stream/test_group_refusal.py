"""What a consumer group may refuse an agent: every code, met on a real broker whose answer a proxy changes."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError

from pipeline.errors import BrokerUnavailableError, GroupRefusedError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import find_free_port, find_free_ports
from pipeline.messages.record import Outgoing
from pipeline.monitor.backlog import GroupBacklog
from pipeline.monitor.readiness import Readiness, State
from pipeline.settings import Settings
from pipeline.stream.group_refusal import MENDED_BY_CLIENT, Applicant, explain_failure, explain_refusal
from tests.pipeline.agent_process import AgentProcess, running
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.kafka.meddling_proxy import JOIN_GROUP, SYNC_GROUP, KafkaBehindProxy, MeddlingProxy
from tests.pipeline.stream.streams import RecordingAgent, make_stream, running_stream, until

_APPLICANT = Applicant("group", 6.0)
_FINAL_CODES = (23, 24, 26, 30, 35, 42, 82)
# Group full; an unknown server error; a group that is not found; a code that nobody knows yet.
_PASSING_CODES = (81, -1, 69, 12_345)


@pytest.mark.parametrize("code", _FINAL_CODES)
def test_a_refusal_that_lasts_says_what_to_change(code: int) -> None:
    """It names the group, and it is final."""
    refusal = explain_refusal(code, _APPLICANT)
    assert refusal.is_final
    assert "'group'" in refusal.text or "session of 6 s" in refusal.text


@pytest.mark.parametrize("code", _PASSING_CODES)
def test_a_refusal_that_may_pass_names_the_group(code: int) -> None:
    """Also one whose code no release of ours knows."""
    refusal = explain_refusal(code, _APPLICANT)
    assert not refusal.is_final
    assert "'group'" in refusal.text


def test_no_code_is_both_mended_and_refused() -> None:
    """What the client mends by itself is told nobody."""
    assert not MENDED_BY_CLIENT & {*_FINAL_CODES, *_PASSING_CODES}


def test_a_failure_without_a_code_is_told_too() -> None:
    """An ACL that is missing lasts; a coordinator that is away does not."""
    missing = explain_failure(GroupAuthorizationFailedError("group"), _APPLICANT)
    assert missing.is_final
    assert missing.text == "this agent lacks an ACL: Read on consumer group 'group'"
    assert not explain_failure(GroupCoordinatorNotAvailableError(), _APPLICANT).is_final


@asynccontextmanager
async def _meddling() -> AsyncIterator[tuple[Settings, MeddlingProxy]]:
    """Give the settings of clients of a new Kafka, and the proxy before it."""
    program = kafka_or_skip()
    proxy_port, broker_port = find_free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        kafka = KafkaBehindProxy(program, Path(folder), [broker_port])
        kafka.proxy_port = proxy_port
        async with MeddlingProxy(proxy_port, broker_port) as proxy, started(kafka):
            settings = Settings(brokers=f"127.0.0.1:{proxy_port}", topic_partitions=2)
            await ensure_topics(settings)
            publisher = await Publisher.connect(Cluster(settings.brokers))
            await publisher.publish([Outgoing("posts", str(n).encode(), b"1") for n in range(10)])
            await publisher.close()
            yield settings, proxy


async def _until_state(readiness: Readiness, state: State) -> str:
    async with asyncio.timeout(60):
        while readiness.status.state is not state:
            await asyncio.sleep(0.05)
    return readiness.status.reason


@pytest.mark.e2e
@pytest.mark.kafka
async def test_every_refusal_of_joingroup_and_syncgroup_ends_the_stream_or_is_waited_out() -> None:
    """A final one ends it with one sentence; another one shows as `refused`, and once it has passed all is read."""
    async with _meddling() as (settings, proxy):
        for api in (JOIN_GROUP, SYNC_GROUP):
            for code in _FINAL_CODES:
                proxy.codes = {api: code}
                stream = make_stream(RecordingAgent(), settings)
                failure = await asyncio.wait_for(stream.run_until_failure(), 60)
                assert isinstance(failure, GroupRefusedError), (api, code, failure)
                assert str(failure) == explain_refusal(code, _APPLICANT).text
                await stream.stop(1.0)
        for api in (JOIN_GROUP, SYNC_GROUP):
            for code in _PASSING_CODES:
                proxy.codes, agent, readiness = {api: code}, RecordingAgent(), Readiness()
                stream = make_stream(agent, settings, readiness=readiness)
                running = asyncio.ensure_future(stream.run_until_failure())
                assert await _until_state(readiness, State.REFUSED) == explain_refusal(code, _APPLICANT).text
                before = proxy.num_changed
                async with asyncio.timeout(60):
                    while proxy.num_changed < before + 2:  # it asks again, and again
                        await asyncio.sleep(0.05)
                assert not running.done()
                proxy.codes = {}
                await _until_state(readiness, State.JOINED)
                running.cancel()
                await stream.stop(1.0)


class StrictKafka(ApacheKafka):
    """A node with limits on groups."""

    limits: dict[str, object]

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | self.limits


@asynccontextmanager
async def _strict(limits: dict[str, object]) -> AsyncIterator[Settings]:
    program, port = kafka_or_skip(), find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        kafka = StrictKafka(program, Path(folder), [port])
        kafka.limits = limits
        async with started(kafka):
            settings = Settings(brokers=kafka.brokers, topic_partitions=2)
            await ensure_topics(settings)
            yield settings


@pytest.mark.e2e
@pytest.mark.kafka
async def test_a_session_shorter_than_the_broker_allows_is_a_setting() -> None:
    """Refused for good under the default, with the settings of both sides in the sentence; taken once it is longer."""
    async with _strict({"group.min.session.timeout.ms": 10_000}) as settings:
        refused = make_stream(RecordingAgent(), settings)
        failure = await asyncio.wait_for(refused.run_until_failure(), 60)
        assert "TOCSIN_GROUP_SESSION_SECONDS" in str(failure)
        assert "group.min.session.timeout.ms" in str(failure)
        await refused.stop(1.0)
        readiness = Readiness()
        taken = make_stream(
            RecordingAgent(),
            settings.model_copy(update={"group_session_seconds": 12.0}),
            readiness=readiness,
        )
        running = asyncio.ensure_future(taken.run_until_failure())
        await _until_state(readiness, State.JOINED)
        running.cancel()
        await taken.stop(1.0)


@pytest.mark.e2e
@pytest.mark.kafka
async def test_a_full_group_is_waited_for_until_a_member_leaves() -> None:
    """The second agent says why it is not ready, and joins once the first has gone."""
    async with _strict({"group.max.size": 1}) as settings:
        first_readiness, second_readiness = Readiness(), Readiness()
        first = make_stream(RecordingAgent(), settings, readiness=first_readiness)
        first_run = asyncio.ensure_future(first.run_until_failure())
        await _until_state(first_readiness, State.JOINED)
        second = make_stream(RecordingAgent(), settings, readiness=second_readiness)
        second_run = asyncio.ensure_future(second.run_until_failure())
        assert "group.max.size" in await _until_state(second_readiness, State.REFUSED)
        assert not second_run.done()
        first_run.cancel()
        await first.stop(1.0)
        await _until_state(second_readiness, State.JOINED)
        second_run.cancel()
        await second.stop(1.0)


@pytest.mark.e2e
@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_an_agent_that_is_refused_for_good_ends_with_status_1(tmp_path: Path) -> None:
    """One line says what to change."""
    async with _strict({"group.min.session.timeout.ms": 10_000}) as settings:
        agent = AgentProcess("annotate", tmp_path / "agent.log", settings)
        async with running(agent):
            assert await asyncio.wait_for(agent.process.wait(), 90) == 1
    lines = [line for line in agent.log_file.read_text().splitlines() if "ending" in line]
    assert len(lines) == 1
    assert "TOCSIN_GROUP_SESSION_SECONDS" in lines[0]


@pytest.mark.e2e
@pytest.mark.kafka
async def test_what_waits_for_a_group_that_refuses_the_agent_is_counted() -> None:
    """The watchdog of an agent without a place sees the posts that nobody takes, and none while others take them."""
    async with _strict({}) as settings:
        publisher = await Publisher.connect(Cluster(settings.brokers))
        await publisher.publish([Outgoing("posts", str(n).encode(), b"1") for n in range(10)])
        backlog = GroupBacklog(Cluster(settings.brokers), group="group", topic="posts")
        async with asyncio.timeout(60):
            while True:
                with suppress(BrokerUnavailableError):  # a new broker has no coordinator at first
                    await backlog.count()
                    break
                await asyncio.sleep(0.2)
        assert await backlog.count() == 10
        agent = RecordingAgent()
        async with running_stream(settings, agent):
            await until(lambda: len(agent.seen) == 10)
        assert await backlog.count() == 0  # the group has moved
        assert await backlog.count() == 0  # and nothing is left
        await publisher.publish([Outgoing("posts", b"key", b"1")])
        await publisher.close()
        assert await backlog.count() == 1
