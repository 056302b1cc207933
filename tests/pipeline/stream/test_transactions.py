"""What our readers see of transactions and compacted topics on Apache Kafka: committed records, and reachable ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.alert.build import build_ledger
from pipeline.errors import UndecodableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import find_free_port
from pipeline.messages.dead_letter import to_dead_letter, to_outgoing
from pipeline.messages.record import Partition
from pipeline.monitor.backlog import count_waiting
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.outcomes.dead_letters import LetterQuery, find_letters
from pipeline.settings import Settings
from tests.chaos.kafka_log import NUM_PARTITIONS, end_offsets, follow_log, read_all
from tests.pipeline.fakes import make_record
from tests.pipeline.kafka.brokers import APACHE, kafka_or_skip, started
from tests.pipeline.kafka.foreign_producers import make_topics, producer, until_marked

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.timeout(180)]

_PROMPT_SECONDS = 20.0  # far less than a reader waits for a broker that sends nothing


@asynccontextmanager
async def _broker() -> AsyncIterator[Settings]:
    kafka_or_skip()
    async with APACHE.running() as running:
        settings = running.model_copy(update={"topic_partitions": NUM_PARTITIONS})
        await ensure_topics(settings)
        yield settings


async def _transact(
    settings: Settings, topic: str, *keys: bytes, commits: bool = True, value: bytes = b""
) -> None:
    """Send records, in partition 0, in a transaction that is committed or aborted."""
    async with producer(settings.brokers, transactional_id=f"by-{topic}") as client:
        await client.begin_transaction()
        for key in keys:
            await client.send_and_wait(topic, value or key, key=key, partition=0)
        await (client.commit_transaction() if commits else client.abort_transaction())
    await until_marked(settings.brokers, topic)


async def _read(settings: Settings, topic: str, start: int = 0) -> tuple[list[bytes | None], int]:
    """Return the keys that a reader finds in partition 0, and the end that it tells; both in time."""
    place = Partition(topic, 0)
    async with asyncio.timeout(_PROMPT_SECONDS), partition_reader(Cluster.of(settings), [topic]) as reader:
        found = [record.key async for records in reader.read({place: start}) for record in records]
        ends = await reader.ends({place: start})
    return found, ends[place]


async def test_several_committed_transactions_are_read_to_their_end() -> None:
    """The marks between and behind them have offsets too; nothing waits behind the last record."""
    async with _broker() as settings:
        await _transact(settings, "posts", b"a", b"b")
        await _transact(settings, "posts", b"c")
        assert await _read(settings, "posts") == ([b"a", b"b", b"c"], 5)
        assert await _read(settings, "posts", 4) == ([], 4)  # behind the last record lies the mark
        assert await count_waiting(Cluster.of(settings), {Partition("posts", 0): 4}) == 0
        assert await count_waiting(Cluster.of(settings), {Partition("posts", 0): 0}) > 0


async def test_an_aborted_transaction_at_the_end_is_no_record_for_anybody() -> None:
    """Readers pass it; what only it holds waits for nobody."""
    async with _broker() as settings:
        await _transact(settings, "posts", b"a")
        await _transact(settings, "posts", b"x", b"y", commits=False)
        assert await _read(settings, "posts") == ([b"a"], 5)
        assert await _read(settings, "posts", 2) == ([], 2)
        await _transact(settings, "posts", b"b")
        assert await _read(settings, "posts", 2) == ([b"b"], 7)


async def test_an_open_transaction_at_the_end_is_not_waited_for() -> None:
    """The end is before it, and what others write behind it comes once it is closed."""
    async with _broker() as settings, producer(settings.brokers, transactional_id="open") as client:
        await _transact(settings, "posts", b"a")
        await client.begin_transaction()
        await client.send_and_wait("posts", b"open", key=b"open", partition=0)
        async with producer(settings.brokers) as other:
            await other.send_and_wait("posts", b"behind", key=b"behind", partition=0)
        assert await _read(settings, "posts") == ([b"a"], 2)
        assert await _read(settings, "posts", 2) == ([], 2)
        # A group that read before we asked for committed records alone may have got so far.
        assert (await _read(settings, "posts", 3))[0] in ([], [b"a"])
        await client.commit_transaction()
        await until_marked(settings.brokers, "posts")
        assert await _read(settings, "posts", 2) == ([b"open", b"behind"], 5)


async def test_who_follows_a_topic_gets_committed_records_alone() -> None:
    """As `watch` and the chaos tests do."""
    async with _broker() as settings:
        await _transact(settings, "alerts", b"x", commits=False)
        await _transact(settings, "alerts", b"a")
        async with asyncio.timeout(_PROMPT_SECONDS):
            async with follow(Cluster(settings.brokers), ["alerts"], from_beginning=True) as records:
                assert (await anext(records)).key == b"a"
            async for logged in follow_log(settings.brokers, ["alerts"]):
                assert logged.key == b"a"
                break
            assert [logged.key for logged in await read_all(settings.brokers, ["alerts"])] == [b"a"]
        async with producer(settings.brokers, transactional_id="open") as client:
            await client.begin_transaction()
            await client.send_and_wait("alerts", b"open", key=b"open", partition=0)
            assert (await end_offsets(settings.brokers, ["alerts"]))["alerts", 0] == 4
            await client.abort_transaction()


async def test_an_aborted_outcome_is_none() -> None:
    """A post whose alert was aborted is still to be alerted, and a letter that was aborted is not listed."""
    async with _broker() as settings:
        for topic in (settings.topic_alerts, settings.topic_abstained):
            await _transact(settings, topic, b"p1", commits=False)
        ledger = build_ledger(settings, Progress(Metrics("annotate")))
        await ledger.catch_up(["p1"])
        assert ledger.num_outcomes == 0
        letter = to_outgoing(
            to_dead_letter(make_record(b"{"), UndecodableError("no"), stage="decode"), settings.topic_dead
        )
        async with producer(settings.brokers, transactional_id="letters") as client:
            await client.begin_transaction()
            await client.send_and_wait(letter.topic, letter.value, headers=list(letter.headers))
            await client.abort_transaction()
        assert await find_letters(settings, LetterQuery()) == []


class _CleaningKafka(ApacheKafka):
    """Compacts at once."""

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | {"log.cleaner.backoff.ms": 50}


async def test_a_hole_that_compaction_left_is_read_over(tmp_path: Path) -> None:
    """Also by who begins in it."""
    kafka = _CleaningKafka(kafka_or_skip(), tmp_path, [find_free_port()])
    configs = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.0",
        "segment.ms": "100",
        "min.compaction.lag.ms": "0",
    }
    async with started(kafka):
        settings = Settings(brokers=kafka.brokers)
        await make_topics(settings.brokers, ["compacted"], configs=configs)
        async with producer(settings.brokers) as client, asyncio.timeout(90):
            await client.send_and_wait("compacted", b"kept", key=b"a")
            num_sent = 1
            found: list[bytes | None] = [b"a"]
            # The segment in use is not compacted: another record makes the next.
            while len(found) == num_sent:
                await client.send_and_wait("compacted", b"replaced", key=b"b")
                num_sent += 1
                await asyncio.sleep(0.2)
                found, _ = await _read(settings, "compacted")
        assert (found[0], set(found)) == (b"a", {b"a", b"b"})
        found, end = await _read(settings, "compacted", 1)
        assert (set(found), end) == ({b"b"}, num_sent)


async def test_a_hole_at_the_end_is_an_end(tmp_path: Path) -> None:
    """The broker answers there with nothing, for ever: a reader ends, and nothing waits."""
    kafka = ApacheKafka(kafka_or_skip(), tmp_path, [find_free_port()])
    settings = Settings(brokers=kafka.brokers)
    async with started(kafka):
        await make_topics(settings.brokers, ["posts"])
        async with producer(settings.brokers) as client:
            await client.send_and_wait("posts", b"a", key=b"a")
    # As a log is whose last segment lost all its records, and whose next has none yet.
    (tmp_path / "node-1" / "data" / "posts-0" / f"{9:020}.log").touch()
    async with started(kafka):
        assert await _read(settings, "posts") == ([b"a"], 9)
        assert await _read(settings, "posts", 1) == ([], 1)
        assert await count_waiting(Cluster.of(settings), {Partition("posts", 0): 1}) == 0
        async with producer(settings.brokers) as client:
            await client.send_and_wait("posts", b"b", key=b"b")
        assert await _read(settings, "posts", 1) == ([b"b"], 10)
