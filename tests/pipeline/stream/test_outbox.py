"""How an agent publishes its outcomes, without a broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from msgspec import Struct

from pipeline import topology
from pipeline.errors import InvalidMessageError
from pipeline.messages import Alert, AnnotatedPost
from pipeline.messages.codec import decode
from pipeline.messages.dead_letter import DeadLetter, from_record, to_dead_letter
from pipeline.messages.record import Outgoing, Record
from pipeline.monitor.metrics import Metrics
from pipeline.topology import ALERT, ANNOTATE
from tests.pipeline.fakes import (
    FakePublisher,
    make_abstention,
    make_alert,
    make_annotated_post,
    make_outbox,
    make_record,
)

_REPLAYED = (
    ("tocsin-attempt", b"2"),
    ("tocsin-first-origin", b"posts/0/1"),
    ("traceparent", b"00-1-2-01"),
    ("source", b"x"),
    ("other", b"y"),
)


class Refusing(FakePublisher):
    """A fake whose broker refuses as too large every message that has a smaller form."""

    async def publish(self, records: Sequence[Outgoing]) -> int:
        return await super().publish([r.fallback() if r.fallback else r for r in records])


class Away(FakePublisher):
    """A fake whose broker acknowledges nothing."""

    async def publish(self, records: Sequence[Outgoing]) -> int:
        raise ConnectionError


async def test_each_outcome_goes_to_the_topic_of_its_type_under_its_posts_id() -> None:
    """They are published in the order of the records, which are then finished."""
    publisher, metrics, finished = FakePublisher(), Metrics("alert"), list[Record]()
    records = [make_record(b"x", offset=n, topic="annotated") for n in range(3)]
    letter = to_dead_letter(records[2], InvalidMessageError("no"), stage="decode")
    outcomes: list[Struct] = [make_alert(), make_abstention(), letter]
    results = list(zip(records, outcomes, strict=True))
    assert await make_outbox(publisher, metrics, ALERT).publish(results, finished.append) == outcomes
    assert [sent.topic for sent in publisher.published] == ["alerts", "abstained", "dead"]
    assert [sent.key for sent in publisher.published[:2]] == [b"p1", b"p1"]
    assert decode(publisher.published[0].value, Alert, max_bytes=10**6) == outcomes[0]
    assert finished == records
    labels = {"stage": "decode", "reason": InvalidMessageError.reason}
    assert metrics.registry.get_sample_value("tocsin_dead_letters_total", labels) == 1


async def test_a_message_too_large_becomes_a_dead_letter_with_the_records_bytes() -> None:
    """The outbox returns the letter and counts it."""
    publisher, metrics, finished = Refusing(), Metrics("annotate"), list[Record]()
    record = make_record(b"the record", topic="posts")
    outbox = make_outbox(publisher, metrics, ANNOTATE)
    [published] = await outbox.publish([(record, make_annotated_post())], finished.append)
    assert isinstance(published, DeadLetter)
    assert (published.stage, published.reason, published.value) == (
        "annotate",
        "outcome_too_large",
        b"the record",
    )
    [sent] = publisher.published
    assert sent.topic == "dead"
    assert from_record(replace(record, headers=tuple(sent.headers))).reason == "outcome_too_large"
    assert finished == [record]


async def test_a_record_whose_outcome_is_not_acknowledged_is_not_finished() -> None:
    """Its offset must not be committed."""
    finished: list[Record] = []
    outbox = make_outbox(Away(), Metrics("annotate"), ANNOTATE)
    with pytest.raises(ConnectionError):
        await outbox.publish([(make_record(b"x"), make_annotated_post())], finished.append)
    assert finished == []


async def test_traces_and_named_headers_travel_on_and_attempts_only_to_the_next_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of the attempt is of no use on a topic that no agent reads."""
    monkeypatch.setattr(topology, "ROLES", (ANNOTATE, ALERT))  # whatever agents read alerts in the pipeline
    record = replace(make_record(b"x"), headers=_REPLAYED)
    publisher = FakePublisher()
    for role, message in ((ANNOTATE, make_annotated_post()), (ALERT, make_alert())):
        outbox = make_outbox(publisher, Metrics(role.name), role, carry_headers="source")
        await outbox.publish([(record, message)], lambda record: None)
    annotated, alert = publisher.published
    assert list(alert.headers) == [_REPLAYED[2], _REPLAYED[3]]
    assert list(annotated.headers) == [*_REPLAYED[:2], _REPLAYED[2], _REPLAYED[3]]
    assert decode(annotated.value, AnnotatedPost, max_bytes=10**6) == make_annotated_post()
