"""The stream against real brokers: it loses nothing, in cases in which Faust alone would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.record import Outgoing, Record
from pipeline.monitor.metrics import Metrics
from pipeline.settings import Settings
from pipeline.stream.agent import Finish
from tests.pipeline.kafka.brokers import BrokerKind
from tests.pipeline.stream.streams import make_stream

pytestmark = pytest.mark.e2e


@pytest.fixture
async def settings(broker_kind: BrokerKind) -> AsyncIterator[Settings]:
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        yield settings


class RecordingAgent:
    """Finishes every record, unless `act` does something else with it."""

    def __init__(self, act: Callable[[Record], None] = lambda _: None) -> None:
        self.seen: list[int] = []
        self.num_batches = 0
        self._act = act
        self.num_rebalances = 0

    def on_rebalance(self) -> None:
        self.num_rebalances += 1

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        self.num_batches += 1
        for record in records:
            self._act(record)
            self.seen.append(int(record.value or b""))
            finish(record)
            await asyncio.sleep(0)


async def _produce(settings: Settings, numbers: range, *, key: bytes | None = None) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish([Outgoing("posts", key or str(n).encode(), str(n).encode()) for n in numbers])
    await publisher.close()


@contextlib.asynccontextmanager
async def _running(
    settings: Settings,
    agent: RecordingAgent,
    metrics: Metrics | None = None,
    *,
    max_records: int = 10,
    max_wait_seconds: float = 0.1,
) -> AsyncIterator[asyncio.Future[BaseException]]:
    stream = make_stream(
        agent,
        settings,
        metrics=metrics,
        max_records=max_records,
        max_wait_seconds=max_wait_seconds,
    )
    running = asyncio.ensure_future(stream.run_until_failure())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait_for(stream.stop(2.0), 8.0)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.05)


async def test_every_record_comes_once_in_batches(settings: Settings) -> None:
    """A second member of the group, started after a clean stop, gets nothing again and only what is new."""
    await _produce(settings, range(35))
    first = RecordingAgent()
    async with _running(settings, first):
        await _until(lambda: len(first.seen) == 35)
    assert sorted(first.seen) == list(range(35))
    assert first.num_batches >= 4
    await _produce(settings, range(35, 40))
    second = RecordingAgent()
    async with _running(settings, second):
        await _until(lambda: len(second.seen) == 5)
    assert sorted(second.seen) == list(range(35, 40))


async def test_an_exception_in_the_agent_loses_nothing(settings: Settings) -> None:
    """The stream reports the failure; what was not finished is delivered to the next member."""

    def fail(record: Record) -> None:
        if record.value == b"7":
            raise RuntimeError("a defect")

    await _produce(settings, range(20))
    failing = RecordingAgent(fail)
    async with _running(settings, failing) as running:
        error = await asyncio.wait_for(running, 60)
    assert isinstance(error, RuntimeError)
    assert 7 not in failing.seen
    healthy = RecordingAgent()
    async with _running(settings, healthy):
        await _until(lambda: set(failing.seen) | set(healthy.seen) == set(range(20)))


async def test_a_stop_gives_back_unfinished_records(settings: Settings) -> None:
    """A batch that hangs is abandoned after the allowed time, uncommitted, and comes again."""
    await _produce(settings, range(5))
    release = asyncio.Event()

    class Hanging(RecordingAgent):
        async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
            finish(records[0])
            self.seen.append(int(records[0].value or b""))
            await release.wait()

    hanging = Hanging()
    async with _running(settings, hanging):
        await _until(lambda: len(hanging.seen) == 1)
    healthy = RecordingAgent()
    async with _running(settings, healthy):
        await _until(lambda: set(hanging.seen) | set(healthy.seen) == set(range(5)))


async def test_a_batch_is_finished_before_the_stop(settings: Settings) -> None:
    """The agent sees that it is to stop; its batch is completed and committed."""
    await _produce(settings, range(5))
    saw_stop = asyncio.Event()

    class Slow(RecordingAgent):
        async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
            self.num_batches += 1
            await stopping.wait()
            saw_stop.set()
            await super().process(records, finish, stopping)

    slow = Slow()
    async with _running(settings, slow):
        await _until(lambda: slow.num_batches >= 1)
    assert saw_stop.is_set()
    assert slow.seen
    rest = RecordingAgent()
    async with _running(settings, rest):
        await _until(lambda: sorted(slow.seen + rest.seen) == list(range(5)))


@pytest.mark.parametrize("num_committed", [0, 3])
async def test_an_unfinished_first_record_is_not_committed_past(
    settings: Settings, num_committed: int
) -> None:
    """All but the first record are finished before a stop: the first comes again, with or without an earlier commit."""
    hold = asyncio.Event()

    class AllButTheFirst(RecordingAgent):
        async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
            for record in records:
                if int(record.value or b"") != num_committed:
                    self.seen.append(int(record.value or b""))
                    finish(record)
            if any(int(record.value or b"") == num_committed for record in records):
                await hold.wait()

    if num_committed:
        await _produce(settings, range(num_committed), key=b"one partition")
        before = RecordingAgent()
        async with _running(settings, before):
            await _until(lambda: len(before.seen) == num_committed)
    await _produce(settings, range(num_committed, num_committed + 6), key=b"one partition")
    leaving = AllButTheFirst()
    # All six records are in one batch, because the agent gets no second one while it is stuck in the first.
    async with _running(settings, leaving, max_records=6, max_wait_seconds=60.0):
        await _until(lambda: len(leaving.seen) == 5)
        await asyncio.sleep(1.0)  # time for a wrong commit
    after = RecordingAgent()
    async with _running(settings, after):
        await _until(lambda: num_committed in after.seen)


class Steady(RecordingAgent):
    """Takes a while for each record, and ends early if asked to give back the rest, as the alert agent does."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        self.num_batches += 1
        for record in records:
            if stopping.is_set():
                return
            await asyncio.sleep(self._seconds)
            self.seen.append(int(record.value or b""))
            finish(record)


async def test_members_that_come_and_go_double_nothing(settings: Settings) -> None:
    """With one, two and then one member, finished records are committed before their partition is given up."""
    await _produce(settings, range(400))
    first, second = Steady(0.02), Steady(0.02)
    async with _running(settings, first):
        await _until(lambda: len(first.seen) >= 50)
        async with _running(settings, second):
            await _until(lambda: len(second.seen) >= 50)
        await _until(lambda: len(first.seen) + len(second.seen) >= 400)
        await asyncio.sleep(1.0)  # time for records to come twice
    assert sorted(first.seen + second.seen) == list(range(400))
    assert first.num_rebalances >= 3
    assert second.num_rebalances >= 1


async def test_work_that_takes_too_long_is_cancelled_and_given_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a member joins, a batch that hangs is cancelled after a while; all of it comes again, to either member."""
    monkeypatch.setattr("pipeline.stream.stream._HAND_OVER_SECONDS", 1.0)
    await _produce(settings, range(20))
    hangs = asyncio.Event()
    is_hanging = True

    class HangsAtFirst(RecordingAgent):
        async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
            if is_hanging:
                hangs.set()
                await asyncio.Event().wait()
            await super().process(records, finish, stopping)

    first, second = HangsAtFirst(), RecordingAgent()
    async with _running(settings, first):
        await asyncio.wait_for(hangs.wait(), 60)
        is_hanging = False
        async with _running(settings, second):
            await _until(lambda: len(first.seen) + len(second.seen) >= 20)
            await asyncio.sleep(1.0)
    assert sorted(first.seen + second.seen) == list(range(20))


async def test_lag_counts_records_that_are_not_committed(settings: Settings) -> None:
    """The lag is shown before any record is finished, and is zero once all are committed."""
    await _produce(settings, range(30))
    release = asyncio.Event()

    class Waiting(RecordingAgent):
        async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
            await release.wait()
            await super().process(records, finish, stopping)

    metrics = Metrics("annotate")
    async with _running(settings, Waiting(), metrics):
        await _until(lambda: _lag(metrics) == 30)
        release.set()
        await _until(lambda: _lag(metrics) == 0)


def _lag(metrics: Metrics) -> float:
    return sum(sample.value for metric in metrics.lag.collect() for sample in metric.samples)
