import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import orjson
import pytest

from models import Annotation, Annotator, Entity
from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.network import to_annotated_post
from pipeline.annotate.reading import RecordReader
from pipeline.messages import MAX_ENTITIES, AnnotatedPost, Origin, Post, stopwatch
from pipeline.messages.codec import decode, encode
from pipeline.messages.record import Outgoing, Record
from pipeline.settings import Settings
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import FakeAnnotator, FakePublisher, make_outbox, make_record, run_agent
from tests.pipeline.samples import ClockSetBack


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def metrics() -> AnnotateMetrics:
    return AnnotateMetrics()


def _agent(
    publisher: FakePublisher,
    metrics: AnnotateMetrics,
    annotator: FakeAnnotator | None = None,
    *,
    max_post_bytes: int = 1000,
    carry_headers: str | None = None,
) -> AnnotateAgent:
    return AnnotateAgent(
        cast(Annotator, annotator or FakeAnnotator()),
        make_outbox(publisher, metrics, ANNOTATE, carry_headers=carry_headers),
        metrics,
        reader=RecordReader(Settings(max_post_bytes=max_post_bytes), metrics),
    )


def _post(text: str, *, offset: int) -> Record:
    return make_record(orjson.dumps({"id": f"p{offset}", "text": text, "metadata": {"n": 1}}), offset=offset)


async def test_every_record_has_one_outcome_in_the_order_of_the_records(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """Outcomes of good and bad records keep the order of the records, and each record is finished once."""
    records = [
        _post("Fire in Athens", offset=0),
        make_record(b"{broken", offset=1),
        _post("refuse this", offset=2),
        _post("", offset=3),
        make_record(b"", offset=4),
        _post("hello", offset=5),
    ]
    finished = await run_agent(_agent(publisher, metrics), records)
    assert finished == records
    assert [out.topic for out in publisher.published] == [
        "annotated",
        "dead",
        "dead",
        "annotated",
        "dead",
        "annotated",
    ]
    assert [out.value for out in publisher.published if out.topic == "dead"] == [
        records[1].value,
        records[2].value,
        b"",
    ]


async def test_a_tombstone_is_counted_and_skipped(publisher: FakePublisher, metrics: AnnotateMetrics) -> None:
    """A record without a value deletes something elsewhere: it is finished, and nothing is published for it."""
    records = [
        make_record(None, offset=0, key=b"p0"),
        _post("one", offset=1),
        make_record(None, offset=2),
        make_record(b"", offset=3),
    ]
    finished = await run_agent(_agent(publisher, metrics), records)
    assert sorted(record.offset for record in finished) == [0, 1, 2, 3]
    assert [out.topic for out in publisher.published] == ["annotated", "dead"]
    value = metrics.registry.get_sample_value
    assert value("tocsin_tombstones_total", {"agent": "annotate"}) == 2
    assert value("tocsin_posts_received_total", {"agent": "annotate"}) == 4
    assert value("tocsin_dead_letters_total", {"stage": "decode", "reason": "undecodable"}) == 1


async def test_a_batch_of_tombstones_is_finished_without_the_network(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """All of them are finished, and none stays in flight."""
    records = [make_record(None, offset=n) for n in range(3)]
    assert await run_agent(_agent(publisher, metrics), records) == records
    assert publisher.published == []
    assert metrics.registry.get_sample_value("tocsin_stage_seconds_count", {"stage": "annotate"}) == 0


async def test_an_annotated_post_carries_post_entities_and_origin(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """The message comes under the post's id, and its offsets count in the original text."""
    await run_agent(_agent(publisher, metrics), [_post("Big fire in Athens", offset=3)])
    (out,) = publisher.published
    annotated = decode(out.value, AnnotatedPost, max_bytes=10_000)
    (entity,) = annotated.entities
    assert out.key == b"p3"
    assert annotated.post.text[entity.start : entity.end] == entity.text == "Athens"
    assert annotated.post.metadata == {"n": 1}
    assert (annotated.origin.topic, annotated.origin.offset) == ("posts", 3)
    assert [stage.name for stage in annotated.stages] == ["annotate"]


async def test_a_text_on_which_the_network_fails_is_the_only_dead_letter_of_its_batch(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """After a failure the texts are annotated one by one, and only the one that fails becomes a dead letter."""
    records = [_post("one", offset=0), _post("crash", offset=1), _post("two", offset=2)]
    assert await run_agent(_agent(publisher, metrics), records) == records
    assert [out.topic for out in publisher.published] == ["annotated", "dead", "annotated"]
    assert metrics.registry.get_sample_value(
        "tocsin_dead_letters_total", {"stage": "annotate", "reason": "unannotatable"}
    )


async def test_a_broken_network_makes_no_dead_letters(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """If even a harmless text fails, the agent raises the error and finishes and publishes nothing."""
    annotator = FakeAnnotator()
    annotator.is_broken = True
    finished: list[Record] = []
    with pytest.raises(RuntimeError):
        await _agent(publisher, metrics, annotator).process(
            [_post("one", offset=0)], finished.append, asyncio.Event()
        )
    assert (finished, publisher.published) == ([], [])


async def test_a_record_is_finished_after_its_outcome_is_acknowledged(metrics: AnnotateMetrics) -> None:
    """A record's offset may be committed only once its outcome is acknowledged."""
    events: list[str] = []

    class Watched(FakePublisher):
        async def publish(self, records: object) -> int:
            await asyncio.sleep(0.01)
            events.append("acknowledged")
            return 0

    agent = _agent(Watched(), metrics)
    await agent.process([_post("one", offset=0)], lambda _: events.append("finished"), asyncio.Event())
    assert events == ["acknowledged", "finished"]


async def test_metrics_count_posts_and_dead_letters(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """Posts, annotated posts and dead letters are counted, and nothing stays in flight."""
    await run_agent(_agent(publisher, metrics), [_post("one", offset=0), make_record(b"{}", offset=1)])
    value = metrics.registry.get_sample_value
    assert value("tocsin_posts_received_total", {"agent": "annotate"}) == 2
    assert value("tocsin_posts_annotated_total") == 1
    assert value("tocsin_dead_letters_total", {"stage": "decode", "reason": "invalid_message"}) == 1
    assert value("tocsin_batch_size_sum", {"agent": "annotate"}) == 2
    assert value("tocsin_posts_in_flight") == 0


def test_of_a_thousand_names_the_most_certain_are_published() -> None:
    """At most `MAX_ENTITIES` are published: those with the highest scores, in the order of the text."""
    entities = tuple(
        Entity(text="x", type="PER", start=n, end=n + 1, score=(n * 7919 % 1000) / 1000) for n in range(1000)
    )
    annotation = Annotation(tokens=(), entities=entities, sentiment=None)
    annotated = to_annotated_post(
        Post(id="1", text="x" * 1000),
        annotation,
        cast(Annotator, FakeAnnotator()),
        origin=Origin(topic="posts", partition=0, offset=0),
        stages=[],
    )
    starts = [entity.start for entity in annotated.entities]
    assert len(starts) == MAX_ENTITIES
    assert starts == sorted(starts)
    least = min(entity.score for entity in annotated.entities)
    assert sum(entity.score > least for entity in entities) < MAX_ENTITIES
    assert decode(encode(annotated), AnnotatedPost, max_bytes=10**6) == annotated


async def test_an_annotated_post_of_a_replayed_record_carries_the_attempt(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """So a dead letter of the second agent counts the replays of the first; other posts carry no headers."""
    first = _post("Fire in Athens", offset=0)
    again = replace(first, headers=(*first.headers, ("tocsin-attempt", b"3")))
    await run_agent(_agent(publisher, metrics), [first, again])
    assert [list(out.headers) for out in publisher.published] == [[], [("tocsin-attempt", b"3")]]


async def test_other_fields_are_kept_and_each_is_logged_once(
    publisher: FakePublisher, metrics: AnnotateMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """Fields that a post does not have go on in its metadata, and the log names each once, not once a post."""
    values = [{"id": str(n), "text": "Fire in Athens", "likes": n, "txt\x1b": None} for n in range(3)]
    agent = _agent(publisher, metrics)
    with caplog.at_level("INFO"):
        for value in values:
            await run_agent(agent, [make_record(orjson.dumps(value))])
    posts = [decode(out.value, AnnotatedPost, max_bytes=10_000).post for out in publisher.published]
    assert [post.metadata for post in posts] == [{"likes": n, "txt\x1b": None} for n in range(3)]
    named = "fields that a post does not have, kept in its metadata: "
    assert [record.getMessage() for record in caplog.records] == [named + "likes", named + r"txt\x1b"]


async def test_a_post_of_ten_thousand_fields_does_not_fill_the_log(
    publisher: FakePublisher, metrics: AnnotateMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """All fields are passed on, and the log names a hundred of them and ends with one further line."""
    fields = {f"field {n}": n for n in range(10_000)} | {"x" * 60_000: 1}
    agent = _agent(publisher, metrics, max_post_bytes=900_000)
    record = make_record(orjson.dumps({"id": "1", "text": "Fire in Athens", **fields}))
    with caplog.at_level("INFO"):
        await run_agent(agent, [record, replace(record)])
    assert decode(publisher.published[1].value, AnnotatedPost, max_bytes=10**6).post.metadata == fields
    assert len(caplog.records) == 101
    assert max(len(line.getMessage()) for line in caplog.records) < 200


async def test_headers_of_a_trace_and_those_named_travel_with_the_post(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """The annotated post carries these headers; the dead letter has all headers of the record."""
    trace = [("traceparent", b"00-1-2-01"), ("tracestate", b"a"), ("tracestate", b"b"), ("baggage", b"c")]
    headers = [("source", b"x"), *trace, ("other", b"y"), ("source", b"z")]
    good = replace(_post("one", offset=0), headers=tuple(headers))
    bad = make_record(b"{", offset=1, headers=headers)
    await run_agent(_agent(publisher, metrics, carry_headers="source"), [good, bad])
    annotated, dead = publisher.published
    assert list(annotated.headers) == [*trace, ("source", b"x"), ("source", b"z")]
    assert list(dead.headers)[: len(headers)] == headers


async def test_an_outcome_too_large_for_the_broker_is_a_dead_letter_and_counts_as_one(
    metrics: AnnotateMetrics,
) -> None:
    """The dead letter of such a record is made when the broker refuses its outcome."""

    class Refusing(FakePublisher):
        async def publish(self, records: Sequence[Outgoing]) -> int:
            large, *others = records
            assert large.fallback is not None
            return await super().publish([large.fallback(), *others])

    publisher = Refusing()
    records = [_post("large", offset=0), _post("small", offset=1)]
    assert await run_agent(_agent(publisher, metrics), records) == records
    assert [(out.topic, out.key) for out in publisher.published] == [("dead", None), ("annotated", b"p1")]
    assert publisher.published[0].value == records[0].value
    value = metrics.registry.get_sample_value
    labels = {"stage": "annotate", "reason": "outcome_too_large"}
    assert value("tocsin_dead_letters_total", labels) == 1
    assert value("tocsin_posts_annotated_total") == 1


async def test_a_clock_that_is_set_back_gives_no_negative_times(
    publisher: FakePublisher, metrics: AnnotateMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert agent accepts a post that was annotated while the clock was set back."""
    monkeypatch.setattr(stopwatch, "datetime", ClockSetBack)
    await run_agent(_agent(publisher, metrics), [_post("one", offset=0)])
    (out,) = publisher.published
    (stage,) = decode(out.value, AnnotatedPost, max_bytes=10_000).stages
    assert stage.seconds >= 0
