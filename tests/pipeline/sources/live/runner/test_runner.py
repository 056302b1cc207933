"""The runner over outages, refusals and a broker that is away, with a scripted source."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.formats.format import Deletion
from pipeline.messages.record import Outgoing
from pipeline.monitor.readiness import State, Status
from pipeline.sources.live.runner import runner as runner_module
from pipeline.sources.live.source import Batch
from tests.pipeline.fakes import FakePublisher
from tests.pipeline.sources.live.runner.fakes import RunnerParts, ScriptedSource, TheEndError, posts

_AWAY = SourceUnavailableError("the source is away")


async def _run(parts: RunnerParts) -> None:
    with pytest.raises(TheEndError):
        await parts.runner.run()


async def test_a_cursor_is_kept_behind_the_posts_before_it() -> None:
    """First Kafka has the posts of a batch, and then their cursor."""
    parts = RunnerParts(
        ScriptedSource([Batch(), Batch(posts(1, 2), "20"), Batch(posts(3), "30"), TheEndError()])
    )
    await _run(parts)
    cursor = ("posts.cursors", "scripted:1")
    assert parts.topics == [("posts", "1"), ("posts", "2"), cursor, ("posts", "3"), cursor]
    assert b'"cursor":"30"' in (parts.publisher.published[-1].value or b"")
    assert parts.value("tocsin_source_posts_total") == 3


async def test_a_new_connection_goes_on_from_the_last_cursor() -> None:
    """A connection that failed is made again with what was published, and what comes again is dropped."""
    source = ScriptedSource(
        [Batch(posts(1, 2), "20"), _AWAY], [_AWAY], [Batch(posts(2, 3), "30")], [TheEndError()]
    )
    parts = RunnerParts(source, cursor="10")
    await _run(parts)
    assert source.cursors == ["10", "20", "20", "30"]
    assert [key for topic, key in parts.topics if topic == "posts"] == ["1", "2", "3"]
    assert parts.value("tocsin_source_duplicates_total") == 1
    assert parts.value("tocsin_source_connections_total") == 2
    assert parts.value("tocsin_source_interruptions_total", reason="unavailable") == 3
    assert source.num_closed == 4


async def test_waits_grow_while_the_source_is_away_and_are_short_after_a_good_connection() -> None:
    """They double up to half a minute; a connection that brought much is followed by a short one."""
    many = Batch(posts(*range(2_000)), "1")
    parts = RunnerParts(ScriptedSource(*[[_AWAY]] * 12, [many, _AWAY], [TheEndError()]))
    await _run(parts)
    assert parts.waits[0] <= 0.4
    assert all(15 <= wait <= 30 for wait in parts.waits[9:12])
    assert parts.waits[12] <= 0.2


async def test_a_rate_limit_is_obeyed_up_to_an_hour() -> None:
    """The source says how long it wants to be left alone; an absurd time is cut."""
    limited = SourceUnavailableError("too many requests", retry_after=77, is_rate_limit=True)
    absurd = SourceUnavailableError("too many requests", retry_after=1e9, is_rate_limit=True)
    parts = RunnerParts(ScriptedSource([limited], [absurd], [TheEndError()]))
    await _run(parts)
    assert parts.waits == [77, 3600]
    assert parts.value("tocsin_source_interruptions_total", reason="rate_limit") == 2
    assert parts.value("tocsin_source_wait_seconds_total", reason="rate_limit") == 3677


async def test_a_source_that_refuses_us_at_the_start_ends_the_program() -> None:
    """A wrong token is not tried again and again."""
    parts = RunnerParts(ScriptedSource([SourceRefusedError("wrong token")]))
    with pytest.raises(SourceRefusedError, match="wrong token"):
        await parts.runner.run()
    assert parts.waits == []


@pytest.mark.parametrize(
    "refused", [SourceRefusedError("the token has expired"), SettingsError(["the token has expired"])]
)
async def test_a_source_that_refuses_us_later_is_waited_for(refused: Exception) -> None:
    """The token worked before, so it, or its file, is being renewed; `/readyz` says what the source says."""
    parts = RunnerParts(ScriptedSource([Batch(), _AWAY], [refused], [Batch(posts(1), "1")], [TheEndError()]))
    await _run(parts)
    assert parts.states[:2] == [
        Status(State.CONNECTING, "the source is away"),
        Status(State.REFUSED, "the token has expired"),
    ]
    assert parts.waits[1] == 60
    assert parts.topics[0] == ("posts", "1")


async def test_a_wrong_setting_ends_the_program_at_the_start() -> None:
    """A token file that is not there is a mistake of the user's."""
    parts = RunnerParts(ScriptedSource([SettingsError(["no file"])]))
    with pytest.raises(SettingsError):
        await parts.runner.run()


class StuckPublisher(FakePublisher):
    """Fake: Kafka, or one topic of it, is away until `back` is set."""

    def __init__(self, stuck_topic: str = "") -> None:
        super().__init__()
        self.back = asyncio.Event()
        self._stuck_topic = stuck_topic

    async def publish(self, records: Sequence[Outgoing]) -> int:
        if self._stuck_topic in ("", *(record.topic for record in records)):
            await self.back.wait()
        return await super().publish(records)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_nothing_more_is_taken_while_kafka_is_away() -> None:
    """One batch is in hand, and the source keeps the rest; once Kafka is back, all of it is published."""
    batches = [Batch(posts(*range(n * 10, n * 10 + 10)), str(n)) for n in range(50)]
    source, publisher = ScriptedSource([*batches, TheEndError()]), StuckPublisher()
    parts = RunnerParts(source, publisher)
    work = asyncio.ensure_future(_run(parts))
    await _until(lambda: parts.runner.num_unpublished == 10)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (source.num_given, publisher.published, parts.store.cursor) == (1, [], None)
    publisher.back.set()
    await work
    assert [key for topic, key in parts.topics if topic == "posts"] == [str(n) for n in range(500)]
    assert parts.runner.num_unpublished == 0


async def test_a_stop_while_kafka_is_away_keeps_the_cursor_before_the_posts_in_hand() -> None:
    """Posts that Kafka may not have are read again after a restart."""
    publisher = StuckPublisher()
    publisher.back.set()
    source = ScriptedSource([Batch(posts(1), "1"), Batch(posts(2), "2")])
    parts = RunnerParts(source, publisher)

    async def close_gate() -> None:
        await _until(lambda: parts.store.cursor == "1")
        publisher.back.clear()

    closing = asyncio.ensure_future(close_gate())
    work = asyncio.ensure_future(parts.runner.run())
    await closing
    await _until(lambda: source.num_given == 2)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert (parts.store.cursor, source.num_closed) == ("1", 1)


async def test_a_cursor_is_kept_also_if_no_further_post_comes() -> None:
    """A feed may be quiet for hours after a post. A Kafka that is back is shown by the cursor, too."""
    parts = RunnerParts(ScriptedSource())
    keeping = asyncio.ensure_future(parts.runner.keep_cursor())
    parts.store.note("10")
    await _until(lambda: bool(parts.publisher.published))
    keeping.cancel()
    assert not parts.store.is_pending
    assert parts.readiness.status.state is State.CONNECTING  # the source is not


@pytest.mark.parametrize("topic", ["posts", "posts.cursors"])
async def test_records_that_kafka_does_not_take_are_told_and_that_it_does_again(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic of cursors may be gone, and with it the source stands still."""
    monkeypatch.setattr(runner_module, "_LATE_SECONDS", 0.0)
    publisher, late = StuckPublisher(stuck_topic=topic), asyncio.Event()
    parts = RunnerParts(ScriptedSource([Batch(posts(1), "1"), TheEndError()]), publisher, on_late=late.set)
    work = asyncio.ensure_future(_run(parts))
    await late.wait()
    parts.readiness.connecting("Kafka does not take our posts")
    publisher.back.set()
    await work
    assert parts.readiness.status.state is State.WORKING


async def test_a_withdrawn_post_becomes_a_tombstone() -> None:
    """It has the post's id as its key, and no value."""
    parts = RunnerParts(ScriptedSource([Batch([*posts(1), Deletion("1")], "1"), TheEndError()]))
    await _run(parts)
    record = parts.publisher.published[1]
    assert (record.topic, record.key, record.value) == ("posts", b"1", None)
    assert parts.value("tocsin_source_deletions_total") == 1


async def test_the_metrics_say_how_far_behind_the_source_is() -> None:
    """The age of the newest event when Kafka has it."""
    old = datetime.now(UTC) - timedelta(seconds=100)
    parts = RunnerParts(ScriptedSource([Batch(posts(1), "1", old), TheEndError()]))
    await _run(parts)
    assert 100 <= parts.value("tocsin_source_behind_seconds") < 200
    assert parts.value("tocsin_source_connected") == 0
