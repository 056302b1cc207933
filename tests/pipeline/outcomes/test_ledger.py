import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.alert.build import build_ledger
from pipeline.errors import BrokerUnavailableError, KafkaAccessError, LoginRefusedError, TokenRefusedError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.producer import partition_number
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.messages import Abstention, Alert, Post
from pipeline.messages.codec import encode
from pipeline.messages.record import Outgoing, Partition
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.outcomes.ledger import Ledger, SkipReason
from pipeline.settings import Settings
from tests.pipeline.fakes import (
    FakeReader,
    make_abstention,
    make_alert,
    make_annotated_post,
    make_ledger,
    make_record,
)
from tests.pipeline.kafka.brokers import BrokerKind

_NUM_PARTITIONS = 4
_ALERTS = [Partition("alerts", number) for number in range(_NUM_PARTITIONS)]


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader(*_ALERTS, Partition("abstained", 0))


def _put(reader: FakeReader, topic: str, post_id: str, value: bytes | None, *, days_ago: float = 0) -> None:
    key = post_id.encode()
    number = partition_number(key, _NUM_PARTITIONS) if topic == "alerts" else 0
    offset = sum((r.topic, r.partition) == (topic, number) for r in reader.records)
    record = make_record(value, topic=topic, key=key, offset=offset)
    at = datetime.now(UTC) - timedelta(days=days_ago)
    reader.records.append(replace(record, partition=number, timestamp=at))


def _publish(reader: FakeReader, *post_ids: str, days_ago: float = 0) -> None:
    for post_id in post_ids:
        _put(reader, "alerts", post_id, b"{}", days_ago=days_ago)


def _abstention(post_id: str, text: str = "") -> Abstention:
    return make_abstention(make_annotated_post(text, post_id=post_id))


def _alert(post_id: str) -> Alert:
    return make_alert(make_annotated_post(post_id=post_id))


async def _why_skipped(ledger: Ledger, post_id: str, text: str = "") -> SkipReason | None:
    await ledger.catch_up([post_id])
    async with ledger.claim(Post(id=post_id, text=text)) as reason:
        return reason


async def _open_posts(ledger: Ledger, post_ids: Sequence[str]) -> list[str]:
    """Return the posts that the ledger lets through, once it has caught up."""
    await ledger.catch_up(post_ids)
    return [post_id for post_id in post_ids if await _why_skipped(ledger, post_id) is None]


async def test_posts_with_an_alert_or_an_abstention_are_done(reader: FakeReader) -> None:
    """Each topic of outcomes counts, whatever its number of partitions."""
    _publish(reader, "a", "b")
    _put(reader, "abstained", "c", encode(_abstention("c")))
    assert await _open_posts(make_ledger(reader), ["a", "b", "c", "d"]) == ["d"]


async def test_an_edit_is_judged_anew_after_an_abstention_and_not_after_an_alert(reader: FakeReader) -> None:
    """What was read back, of earlier versions too, and what this instance has noted itself say the same."""
    _publish(reader, "alerted")
    _put(reader, "abstained", "abstained", encode(_abstention("abstained", "good morning")))
    ledger = make_ledger(reader)
    for post_id in ("alerted", "abstained"):
        await ledger.catch_up([post_id])
    own = make_ledger()
    own.add(_alert("alerted"))
    own.add(_abstention("abstained", "good morning"))
    for known in (ledger, own):
        assert await _why_skipped(known, "alerted", "good morning") == SkipReason.ALERTED
        assert await _why_skipped(known, "alerted", "Fire in Athens") == SkipReason.ALERTED
        assert await _why_skipped(known, "abstained", "good morning") == SkipReason.ABSTAINED
        assert await _why_skipped(known, "abstained", "Fire in Athens") is None
        assert await _why_skipped(known, "another", "good morning") is None


async def test_each_text_of_a_post_keeps_its_abstention_until_one_gets_the_alert(reader: FakeReader) -> None:
    """A group that is reset brings every edit again: none is judged twice."""
    ledger = make_ledger(reader)
    for text in ("first", "second"):
        assert await _why_skipped(ledger, "a", text) is None
        ledger.add(_abstention("a", text))
    assert [await _why_skipped(ledger, "a", text) for text in ("first", "second")] == ["abstained"] * 2
    ledger.add(_alert("a"))
    assert [await _why_skipped(ledger, "a", text) for text in ("first", "third")] == ["alerted"] * 2


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"post": {"text": 1}}',
        b'{"post": {"text": "\\ud800"}}',
        b"[" * 10_000,
        None,
    ],
)
async def test_an_unreadable_abstention_skips_no_post(reader: FakeReader, value: bytes | None) -> None:
    """Anybody may write there: the agent goes on, the post is judged, and no alert is given twice by that."""
    _put(reader, "abstained", "a", value)
    assert await _why_skipped(make_ledger(reader), "a", "") is None


async def test_a_deleted_alert_is_forgotten(reader: FakeReader) -> None:
    """Its tombstone does what compaction will do; an alert after it counts, and so does an empty value."""
    _publish(reader, "deleted", "again", "empty")
    _put(reader, "alerts", "deleted", None)
    _put(reader, "alerts", "never", None)
    _put(reader, "alerts", "again", None)
    _publish(reader, "again")
    _put(reader, "alerts", "empty", b"")
    posts = ["deleted", "never", "again", "empty"]
    assert await _open_posts(make_ledger(reader), posts) == ["deleted", "never"]


async def test_a_deleted_abstention_is_remembered_until_compaction(reader: FakeReader) -> None:
    """The ledger knows its text by the record alone."""
    _put(reader, "abstained", "a", encode(_abstention("a", "x")))
    _put(reader, "abstained", "a", None)
    assert await _why_skipped(make_ledger(reader), "a", "x") == SkipReason.ABSTAINED


async def test_only_the_partitions_of_the_posts_at_hand_are_read(reader: FakeReader) -> None:
    """Each once, until a rebalance; then from where it stopped."""
    _publish(reader, *(f"p{n}" for n in range(100)))
    ledger = make_ledger(reader)
    assert await _open_posts(ledger, ["p1"]) == []
    (start,) = reader.starts
    home = Partition("alerts", partition_number(b"p1", _NUM_PARTITIONS))
    assert start == {home: 0, Partition("abstained", 0): 0}
    await ledger.catch_up(["p1"])
    assert len(reader.starts) == 1
    ledger.on_rebalance()
    await ledger.catch_up(["p1"])
    assert reader.starts[1][home] == sum(r.partition == home.partition for r in reader.records)


async def test_what_others_published_before_a_rebalance_counts_after_it(reader: FakeReader) -> None:
    """The instance that takes a partition over knows what the one before it did last."""
    ledger = make_ledger(reader)
    assert await _open_posts(ledger, ["a"]) == ["a"]
    _publish(reader, "a")
    ledger.on_rebalance()
    assert await _open_posts(ledger, ["a"]) == []


async def test_a_post_is_done_once_its_outcome_is_published(reader: FakeReader) -> None:
    """Without reading anything again."""
    ledger = make_ledger(reader)
    assert await _open_posts(ledger, ["a"]) == ["a"]
    ledger.add(_alert("a"))
    assert await _open_posts(ledger, ["a"]) == []


async def test_two_records_of_a_post_at_the_same_time_get_one_outcome(reader: FakeReader) -> None:
    """The second waits for the first. If the first gets no outcome, it is the second's turn."""
    ledger = make_ledger(reader)
    order: list[str] = []

    async def work(name: str, *, comes_to_an_outcome: bool) -> None:
        async with ledger.claim(Post(id="a", text="x")) as reason:
            if reason is not None:
                return
            order.append(name)
            await asyncio.sleep(0)
            if comes_to_an_outcome:
                ledger.add(_alert("a"))

    names = {"fails": False, "first": True, "second": True}
    await asyncio.gather(*(work(name, comes_to_an_outcome=good) for name, good in names.items()))
    assert order == ["fails", "first"]


async def test_an_edit_waits_for_the_post_that_it_edits(reader: FakeReader) -> None:
    """Whatever the first texts come to, they are judged one after the other, and the alert ends it."""
    ledger = make_ledger(reader)
    order: list[str] = []

    async def work(text: str) -> None:
        async with ledger.claim(Post(id="a", text=text)) as reason:
            order.append(f"{text}: {reason}")
            if reason is None:
                await asyncio.sleep(0)
                ledger.add(_alert("a") if text == "news" else _abstention("a", text))

    await asyncio.gather(*(work(text) for text in ("chat", "chat", "news", "more news", "chat")))
    assert order == ["chat: None", "chat: abstained", "news: None", "more news: alerted", "chat: alerted"]


async def test_an_old_outcome_no_longer_counts(reader: FakeReader) -> None:
    """The setting bounds how far back a replay is recognised."""
    _publish(reader, "old", days_ago=3)
    _publish(reader, "new", days_ago=1)
    ledger = make_ledger(reader, max_age_seconds=2 * 86_400)
    assert await _open_posts(ledger, ["old", "new"]) == ["old"]


async def test_the_number_of_posts_held_is_bounded(reader: FakeReader) -> None:
    """The oldest go first, and most of what is allowed is kept."""
    ledger = make_ledger(reader, max_posts=80)
    for number in range(1_000):
        ledger.add(_alert(f"p{number}"))
        assert ledger.num_outcomes <= 80
    assert await _open_posts(ledger, [f"p{number}" for number in range(930, 1_000)]) == []
    assert await _open_posts(ledger, ["p900"]) == ["p900"]


async def test_a_ledger_of_zero_seconds_skips_no_post(reader: FakeReader) -> None:
    """An operator may want every post judged anew."""
    _publish(reader, "a")
    assert await _open_posts(make_ledger(reader, max_age_seconds=0), ["a"]) == ["a"]
    assert reader.starts == []


async def test_a_broker_that_is_away_is_waited_for(reader: FakeReader) -> None:
    """No post is worked on before the ledger is read: it would be alerted about twice."""
    _publish(reader, "a")
    reader.failures = [BrokerUnavailableError("away")]
    assert await _open_posts(make_ledger(reader), ["a"]) == []


@pytest.mark.parametrize("error", [LoginRefusedError("wrong password"), TokenRefusedError("no token")])
async def test_a_login_that_is_refused_at_a_rebalance_is_waited_for(
    reader: FakeReader, error: Exception
) -> None:
    """Passwords and tokens are renewed while agents run."""
    _publish(reader, "a")
    reader.failures = [error]
    assert await _open_posts(make_ledger(reader), ["a"]) == []


async def test_a_missing_acl_is_not_waited_for(reader: FakeReader) -> None:
    """Nobody mends that by the way: the agent ends, and says what is missing."""
    reader.failures = [KafkaAccessError("lacks an ACL")]
    with pytest.raises(KafkaAccessError, match="lacks an ACL"):
        await make_ledger(reader).catch_up(["a"])


@pytest.mark.parametrize("is_own", [True, False])
async def test_outcomes_that_a_broker_has_lost_no_longer_count(
    reader: FakeReader, is_own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outcomes read back, or published by this instance since; of other partitions too, and of both topics."""
    monkeypatch.setattr("pipeline.outcomes.ledger._MAX_SHORT_SECONDS", 0.0)
    posts = [f"p{n}" for n in range(20)]
    ledger = make_ledger(reader)
    if not is_own:
        _publish(reader, *posts)
        _put(reader, "abstained", "c", encode(_abstention("c")))
    await ledger.catch_up([*posts, "c"])
    if is_own:
        for post_id in posts:
            ledger.add(_alert(post_id))
        ledger.add(_abstention("c"))
    assert await _open_posts(ledger, [*posts, "c"]) == []
    reader.records.clear()
    _publish(reader, "p1")  # by another producer, to the new topic
    ledger.on_rebalance()
    assert await _open_posts(ledger, ["p0"]) == ["p0"]
    assert await _open_posts(ledger, [*posts, "c"]) == ["p0", *posts[2:], "c"]


async def test_a_new_leader_that_lags_is_waited_for(reader: FakeReader) -> None:
    """For a moment it may know of fewer records than there are: none of them counts as lost."""
    ledger = make_ledger(reader)
    await ledger.catch_up(["a", "b"])
    for post_id in ("a", "b"):
        ledger.add(_alert(post_id))
    ledger.on_rebalance()
    catching_up = asyncio.create_task(ledger.catch_up(["a", "b"]))
    await asyncio.sleep(0)
    assert not catching_up.done()
    _publish(reader, "a", "b")
    await catching_up
    assert await _open_posts(ledger, ["a", "b"]) == []


async def test_records_deleted_by_retention_are_not_a_new_topic(
    reader: FakeReader, caplog: pytest.LogCaptureFixture
) -> None:
    """The end stays where it was, and what is known of them counts until it is too old."""
    _publish(reader, *(f"p{n}" for n in range(20)))
    ledger = make_ledger(reader)
    assert await _open_posts(ledger, ["p1"]) == []
    last = {(r.topic, r.partition): r for r in reader.records}
    reader.records = list(last.values())
    ledger.on_rebalance()
    assert await _open_posts(ledger, ["p1"]) == []
    assert "not the ones" not in caplog.text


@pytest.mark.e2e
async def test_twenty_thousand_outcomes_are_read_back_from_a_broker(broker_kind: BrokerKind) -> None:
    """All of them; then only what is new."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster.of(settings))
        post_ids = [f"p{n}" for n in range(20_000)]
        topics = (settings.topic_alerts, settings.topic_abstained)
        values = (b"x" * 1_500, encode(_abstention("any")))
        await publisher.publish(
            [Outgoing(topics[n % 2], post_id.encode(), values[n % 2]) for n, post_id in enumerate(post_ids)]
        )
        ledger = build_ledger(settings, Progress(Metrics("annotate")))
        await ledger.catch_up(post_ids)
        assert ledger.num_outcomes == 20_000
        assert await _open_posts(ledger, [*post_ids[:100], "new"]) == ["new"]
        await publisher.publish([Outgoing(settings.topic_alerts, b"new", b"{}")])
        await publisher.close()
        ledger.on_rebalance()
        assert await _open_posts(ledger, ["p1", "new"]) == []


@pytest.mark.e2e
async def test_topics_made_anew_are_noticed_on_a_broker(
    broker_kind: BrokerKind, caplog: pytest.LogCaptureFixture
) -> None:
    """And only those: topics that grow by our own outcomes and by others' are what they were."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        ledger = build_ledger(settings, Progress(Metrics("annotate")))
        post_ids = [f"p{n}" for n in range(50)]
        await ledger.catch_up(post_ids)
        await _publish_alerts(settings, [*post_ids, "others'"])
        for post_id in post_ids:
            ledger.add(_alert(post_id))
        ledger.on_rebalance()
        assert await _open_posts(ledger, [*post_ids, "others'"]) == []
        assert "not the ones that they were" not in caplog.text
        await _make_anew(settings)
        ledger.on_rebalance()
        assert await _open_posts(ledger, [*post_ids, "others'"]) == [*post_ids, "others'"]
        assert caplog.text.count("not the ones that they were") == 1


async def _publish_alerts(settings: Settings, post_ids: Sequence[str]) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish(
        [Outgoing(settings.topic_alerts, post_id.encode(), b"{}") for post_id in post_ids]
    )
    await publisher.close()


async def _make_anew(settings: Settings) -> None:
    topics = [settings.topic_alerts, settings.topic_abstained]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    await admin.delete_topics(topics)
    while set(topics) & set(await admin.list_topics()):
        await asyncio.sleep(0.1)
    await admin.close()
    made: set[str] = set()
    while not set(topics) <= made:
        made |= set(await ensure_topics(settings))
        await asyncio.sleep(0.1)
