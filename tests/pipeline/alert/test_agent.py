import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import msgspec
import orjson
import pytest
from prometheus_client import generate_latest

from pipeline import topology
from pipeline.alert.agent import AlertAgent
from pipeline.alert.candidates import CheckedSample
from pipeline.alert.generator import AlertGenerator
from pipeline.alert.metrics import AlertMetrics
from pipeline.alert.outcome import AlertResult, degraded_alert
from pipeline.errors import LlmRefusedError, LlmUnavailableError
from pipeline.messages import Alert, AnnotatedPost, SelectionMethod, outcome_id
from pipeline.messages.codec import decode, encode
from pipeline.messages.record import Outgoing, Partition, Record
from pipeline.outcomes.ledger import Ledger
from pipeline.topology import ALERT, ANNOTATE
from tests.pipeline.fakes import (
    FakePublisher,
    FakeReader,
    make_abstention,
    make_alert,
    make_annotated_post,
    make_ledger,
    make_outbox,
    make_record,
    run_agent,
)


class FakeGenerator:
    """Alerts about "Athens", and misbehaves if the text asks for it: "refused", "defect", "slow", "away"."""

    def __init__(self) -> None:
        self.num_running = 0
        self.max_running = 0
        self.release = asyncio.Event()

    async def generate(self, post: AnnotatedPost) -> AlertResult:
        self.num_running += 1
        self.max_running = max(self.max_running, self.num_running)
        try:
            await asyncio.sleep(0.001)
            return await self._generate(post)
        finally:
            self.num_running -= 1

    def degraded(self, post: AnnotatedPost) -> AlertResult:
        return degraded_alert(post)

    async def _generate(self, post: AnnotatedPost) -> AlertResult:
        if "slow" in post.post.text:
            await self.release.wait()
        if "away" in post.post.text:
            raise LlmUnavailableError("away for as long as the settings allow")
        if "refused" in post.post.text:
            raise LlmRefusedError("too long")
        if "defect" in post.post.text:
            raise ZeroDivisionError
        if not post.entities:
            return AlertResult(outcome=make_abstention(post))
        samples = (
            CheckedSample("Fire: Athens", None, None),
            CheckedSample("2024: Athens", None, "theme_words"),
        )
        return AlertResult(
            outcome=make_alert(post), samples=samples, chosen=0, method=SelectionMethod.ONLY_CANDIDATE
        )


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


def _agent(
    generator: FakeGenerator,
    publisher: FakePublisher,
    metrics: AlertMetrics | None = None,
    *,
    max_posts: int = 4,
    ledger: Ledger | None = None,
) -> AlertAgent:
    metrics = metrics or AlertMetrics()
    outbox = make_outbox(publisher, metrics, ALERT, carry_headers="source")
    return AlertAgent(
        cast(AlertGenerator, generator), outbox, ledger or make_ledger(), metrics, max_posts=max_posts
    )


def _annotated(text: str, *, offset: int = 0, post_id: str | None = None) -> Record:
    value = encode(make_annotated_post(text, post_id=post_id or f"p{offset}"))
    return make_record(value, offset=offset, topic="posts.annotated")


async def test_every_post_ends_on_one_of_three_topics(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """A post ends as an alert, an abstention or a dead letter with its own bytes; no failure touches another post."""
    records = [
        _annotated("Fire in Athens", offset=0),
        _annotated("nothing named", offset=1),
        _annotated("refused in Athens", offset=2),
        _annotated("defect in Athens", offset=3),
        make_record(b"garbage", offset=4, topic="posts.annotated"),
    ]
    finished = await run_agent(_agent(generator, publisher), records)
    assert sorted(record.offset for record in finished) == [0, 1, 2, 3, 4]
    by_topic = sorted((out.topic, out.value) for out in publisher.published)
    assert [topic for topic, _ in by_topic] == ["abstained", "alerts", "dead", "dead", "dead"]
    assert [value for topic, value in by_topic if topic == "dead"] == sorted(
        r.value or b"" for r in records[2:]
    )
    (alert,) = [out for out in publisher.published if out.topic == "alerts"]
    assert alert.key == b"p0"
    assert decode(alert.value, Alert, max_bytes=10_000).alert == "Fire: Athens"


async def test_a_slow_post_does_not_delay_the_others_of_its_batch(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """The others of the batch are published and finished while it is still being worked on."""
    records = [_annotated("slow Athens", offset=0)] + [_annotated("Athens", offset=n) for n in range(1, 10)]
    finished: list[Record] = []
    agent = _agent(generator, publisher)
    work = asyncio.create_task(agent.process(records, finished.append, asyncio.Event()))
    async with asyncio.timeout(5):
        while len(finished) < 9:
            await asyncio.sleep(0.01)
    assert records[0] not in finished
    generator.release.set()
    await work
    assert len(finished) == 10


async def test_no_more_posts_than_allowed_are_in_work(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """The limit holds if the batch has more posts than the LLM is asked about at once."""
    await run_agent(
        _agent(generator, publisher, max_posts=3), [_annotated("Athens", offset=n) for n in range(20)]
    )
    assert generator.max_running == 3


async def test_a_stopping_agent_begins_no_further_post(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """Posts in work are finished; the rest is left for the next member of the group."""
    stopping = asyncio.Event()
    finished: list[Record] = []
    records = [_annotated("slow Athens", offset=n) for n in range(10)]
    agent = _agent(generator, publisher, max_posts=2)
    work = asyncio.create_task(agent.process(records, finished.append, stopping))
    await asyncio.sleep(0.05)
    stopping.set()
    generator.release.set()
    await work
    assert finished == records[:2]


async def test_metrics_count_verdicts_and_outcomes(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """Candidates are counted by verdict, alerts by selection, abstentions and dead letters by reason."""
    metrics = AlertMetrics()
    records = [_annotated(text, offset=n) for n, text in enumerate(["Athens", "nobody", "defect Athens"])]
    await run_agent(_agent(generator, publisher, metrics), records)
    value = metrics.registry.get_sample_value
    assert value("tocsin_candidates_total", {"verdict": "valid"}) == 1
    assert value("tocsin_candidates_total", {"verdict": "theme_words"}) == 1
    assert value("tocsin_alerts_total", {"selected_by": "only_candidate"}) == 1
    assert value("tocsin_abstentions_total", {"reason": "no_entity"}) == 1
    assert value("tocsin_dead_letters_total", {"stage": "alert", "reason": "internal"}) == 1
    assert value("tocsin_posts_in_flight") == 0


async def test_a_record_cannot_invent_metric_labels(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """Stages of the annotated post are passed on but not counted, even if they are called like ours."""
    metrics = AlertMetrics()
    annotated = make_annotated_post("Fire in Athens")
    foreign = [msgspec.structs.replace(annotated.stages[0], name=name) for name in ("invented", "sample")]
    post = msgspec.structs.replace(annotated, stages=foreign)
    await run_agent(
        _agent(generator, publisher, metrics), [make_record(encode(post), topic="posts.annotated")]
    )
    assert decode(publisher.published[0].value, Alert, max_bytes=10**6).stages == foreign
    assert b"invented" not in generate_latest(metrics.registry)
    assert metrics.registry.get_sample_value("tocsin_stage_seconds_count", {"stage": "sample"}) == 0


async def test_a_replay_publishes_no_outcome_again(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """Records of posts that have their outcome are finished without asking the LLM; a dead letter is tried again."""
    metrics, ledger = AlertMetrics(), make_ledger()
    texts = ["Fire in Athens", "nothing named", "refused in Athens"]
    records = [_annotated(text, offset=n) for n, text in enumerate(texts)]
    await run_agent(_agent(generator, publisher, ledger=ledger), records)
    publisher.published.clear()
    again = await run_agent(_agent(generator, publisher, metrics, ledger=ledger), records)
    assert len(again) == 3
    assert [out.topic for out in publisher.published] == ["dead"]
    value = metrics.registry.get_sample_value
    assert value("tocsin_posts_skipped_total", {"reason": "alerted"}) == 1
    assert value("tocsin_posts_skipped_total", {"reason": "abstained"}) == 1


async def test_an_edit_that_holds_the_news_gets_the_alert(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """It comes under the outcome id of the abstention before it; no later text of the post gets another."""
    metrics = AlertMetrics()
    agent = _agent(generator, publisher, metrics)
    texts = ["more soon", "Fire in Athens", "Fire in Athens is out", "more soon"]
    records = [_annotated(text, offset=n, post_id="p") for n, text in enumerate(texts)]
    assert len(await run_agent(agent, records)) == 4
    assert [out.topic for out in publisher.published] == ["abstained", "alerts"]
    outcomes = [orjson.loads(out.value or b"") for out in publisher.published]
    assert {outcome["id"] for outcome in outcomes} == {outcome_id("p")}
    assert [outcome["post"]["text"] for outcome in outcomes] == texts[:2]
    value = metrics.registry.get_sample_value
    assert value("tocsin_posts_skipped_total", {"reason": "alerted"}) == 2
    assert value("tocsin_posts_skipped_total", {"reason": "abstained"}) == 0


async def test_a_tombstone_is_counted_and_skipped(generator: FakeGenerator, publisher: FakePublisher) -> None:
    """A tombstone is finished, and nothing is published for it; a record with an empty value is not a tombstone."""
    metrics = AlertMetrics()
    records = [make_record(None, offset=0, key=b"p", topic="posts.annotated"), _annotated("Athens", offset=1)]
    records.append(make_record(b"", offset=2, topic="posts.annotated"))
    assert len(await run_agent(_agent(generator, publisher, metrics), records)) == 3
    assert sorted(out.topic for out in publisher.published) == ["alerts", "dead"]
    assert metrics.registry.get_sample_value("tocsin_tombstones_total", {"agent": "alert"}) == 1


async def test_headers_of_a_trace_and_those_named_travel_to_every_outcome(
    generator: FakeGenerator, publisher: FakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alert, abstention and dead letter carry them; headers that describe a replay do not go on with an outcome."""
    monkeypatch.setattr(topology, "ROLES", (ANNOTATE, ALERT))  # whatever agents read alerts in the pipeline
    trace = [("traceparent", b"00-1-2-01"), ("tracestate", b"a"), ("tracestate", b"b")]
    headers = (("source", b"x"), *trace, ("tocsin-attempt", b"2"), ("other", b"y"))
    texts = ["Fire in Athens", "nothing named", "refused in Athens"]
    records = [replace(_annotated(text, offset=n), headers=headers) for n, text in enumerate(texts)]
    await run_agent(_agent(generator, publisher), records)
    sent = {out.topic: list(out.headers) for out in publisher.published}
    assert sent["alerts"] == sent["abstained"] == [*trace, ("source", b"x")]
    assert [header for header in sent["dead"] if not header[0].startswith("tocsin-")] == [
        ("source", b"x"),
        *trace,
        ("other", b"y"),
    ]


async def test_one_post_twice_in_a_batch_gets_one_alert(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """The second record waits for the first, and is then finished too."""
    records = [_annotated("Fire in Athens", offset=0)] * 2
    assert len(await run_agent(_agent(generator, publisher), records)) == 2
    assert len(publisher.published) == 1


async def test_after_a_rebalance_the_ledger_is_read_again(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """Another instance may have published the outcome meanwhile."""
    reader = FakeReader(Partition("alerts", 0), Partition("abstained", 0))
    agent = _agent(generator, publisher, ledger=make_ledger(reader))
    await run_agent(agent, [_annotated("Fire in Athens", offset=0)])
    assert len(publisher.published) == 1
    record = make_record(b"{}", topic="alerts", key=b"p1")
    reader.records.append(replace(record, timestamp=datetime.now(UTC)))
    agent.on_rebalance()
    await run_agent(agent, [_annotated("Fire in Athens", offset=1)])
    assert len(publisher.published) == 1


async def test_a_degraded_alert_has_the_posts_outcome_id_and_its_own_count(
    generator: FakeGenerator, publisher: FakePublisher
) -> None:
    """If the settings allow it, an alert without the LLM has the post's own outcome id, and is counted separately."""
    metrics = AlertMetrics()
    await run_agent(_agent(generator, publisher, metrics), [_annotated("away in Athens", offset=0)])
    (out,) = publisher.published
    alert = decode(out.value, Alert, max_bytes=10_000)
    assert (out.topic, alert.degraded, alert.alert) == ("alerts", True, "Negative mention: Athens")
    assert alert.id == outcome_id("p0")
    assert metrics.registry.get_sample_value("tocsin_alerts_total", {"selected_by": "degraded"}) == 1


async def test_an_outcome_too_large_for_the_broker_is_a_dead_letter_and_may_be_tried_again(
    generator: FakeGenerator,
) -> None:
    """It counts as dead, not as an alert, and the ledger does not count the post as done."""

    class Refusing(FakePublisher):
        async def publish(self, records: Sequence[Outgoing]) -> int:
            return await super().publish(
                [record.fallback() if record.fallback else record for record in records]
            )

    metrics, publisher = AlertMetrics(), Refusing()
    agent = _agent(generator, publisher, metrics)
    await run_agent(agent, [_annotated("Fire in Athens", offset=0)] * 2)
    assert [out.topic for out in publisher.published] == ["dead", "dead"]
    labels = {"stage": "alert", "reason": "outcome_too_large"}
    assert metrics.registry.get_sample_value("tocsin_dead_letters_total", labels) == 2
    assert metrics.registry.get_sample_value("tocsin_alerts_total", {"selected_by": "only_candidate"}) == 0
