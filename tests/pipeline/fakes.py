"""Fakes of what the agents stand on, for unit tests only: no broker, no network, no LLM behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from models import Annotation, AnnotationError, Entity, Sentiment, tokenize
from pipeline.kafka.producer import RenewableProducer
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.partition_reader import PartitionReader
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    CheckpointRef,
    Origin,
    Post,
    Provenance,
    SelectionMethod,
    StageTime,
    outcome_id,
)
from pipeline.messages import Entity as WireEntity
from pipeline.messages import Sentiment as WireSentiment
from pipeline.messages.record import Outgoing, Partition, Record
from pipeline.monitor.metrics import Metrics
from pipeline.outcomes.ledger import Ledger
from pipeline.settings import Settings
from pipeline.stream.outbox import Outbox
from pipeline.topology import Role

CHECKPOINT = CheckpointRef(name="fake", sha256="0" * 64)


class FakePublisher(Publisher):
    """Keeps what is published; `published` grows only when a publish would have been acknowledged."""

    def __init__(self) -> None:
        super().__init__(RenewableProducer(None))
        self.published: list[Outgoing] = []

    async def publish(self, records: Sequence[Outgoing]) -> int:
        await asyncio.sleep(0)
        self.published += records
        return 0


class FakeAnnotator:
    """Finds "Athens"; refuses texts that contain "refuse"; fails on batches that contain "crash"."""

    checkpoint = SimpleNamespace(name=CHECKPOINT.name, sha256=CHECKPOINT.sha256)
    guidelines = "none"
    is_broken = False

    def annotate(
        self, texts: Sequence[str], timings: dict[str, float] | None = None
    ) -> list[Annotation | AnnotationError]:
        if self.is_broken or any("crash" in text for text in texts):
            raise RuntimeError("the fake network crashes on this")
        return [_annotate(text) for text in texts]


def _annotate(text: str) -> Annotation | AnnotationError:
    if "refuse" in text:
        return AnnotationError("the fake network refuses this")
    start = text.find("Athens")
    entities = (
        (Entity(text="Athens", type="LOC", start=start, end=start + 6, score=0.9),) if start >= 0 else ()
    )
    tokens = tuple(tokenize(text))
    return Annotation(
        tokens=tokens, entities=entities, sentiment=Sentiment(label="neutral", score=0.5) if tokens else None
    )


class FakeReader(PartitionReader):
    """Holds records in memory, and keeps from which offsets they were read."""

    def __init__(self, *partitions: Partition) -> None:
        self.partitions = list(partitions)
        self.records: list[Record] = []
        self.failures: list[Exception] = []  # failures that are still to come
        self.starts: list[dict[Partition, int]] = []

    async def offsets_at(self, partitions: Sequence[Partition], time: datetime) -> dict[Partition, int]:
        return {
            place: min(
                (r.offset for r in self.records if _place(r) == place and r.timestamp >= time), default=0
            )
            for place in partitions
        }

    async def read(self, starts: Mapping[Partition, int]) -> AsyncGenerator[list[Record], None]:
        self.starts.append(dict(starts))
        if self.failures:
            raise self.failures.pop(0)
        ends = self.last_ends(starts)
        begins = {
            place: start if start <= ends[place] else 0 for place, start in starts.items()
        }  # as Kafka does
        yield [r for r in self.records if _place(r) in starts and r.offset >= begins[_place(r)]]

    def last_ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return {
            place: max((r.offset + 1 for r in self.records if _place(r) == place), default=0)
            for place in partitions
        }

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PartitionReader]:
        yield self


def _place(record: Record) -> Partition:
    return Partition(record.topic, record.partition)


def make_outbox(
    publisher: Publisher, metrics: Metrics, role: Role, *, carry_headers: str | None = None
) -> Outbox:
    """Return an outbox of the role, to the topics "annotated", "alerts", "abstained" and "dead"."""
    settings = Settings(
        topic_annotated="annotated",
        topic_abstained="abstained",
        topic_dead="dead",
        carry_headers=carry_headers,
    )
    return Outbox(publisher, metrics, role=role, settings=settings)


def make_ledger(
    reader: FakeReader | None = None, *, max_age_seconds: float = 3_600, max_posts: int = 1_000
) -> Ledger:
    """Return a ledger of what the reader holds; without a reader it is empty."""
    reader = reader or FakeReader(Partition("alerts", 0), Partition("abstained", 0))
    return Ledger(
        reader.open, abstained_topic="abstained", max_age_seconds=max_age_seconds, max_posts=max_posts
    )


def make_record(
    value: bytes | None,
    *,
    offset: int = 0,
    topic: str = "posts",
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (("trace", b"\xff\x00"),),
) -> Record:
    """Return a record with the given value."""
    return Record(topic, 0, offset, datetime(2026, 1, 1, tzinfo=UTC), key, value, tuple(headers))


def make_annotated_post(text: str = "Fire in Athens", *, post_id: str = "p1") -> AnnotatedPost:
    """Return a post as the annotate agent publishes it, with "Athens" found where it stands."""
    start = text.find("Athens")
    entity = WireEntity(text="Athens", type="LOC", start=start, end=start + 6, score=0.9)
    return AnnotatedPost(
        post=Post(id=post_id, text=text),
        entities=[entity] if start >= 0 else [],
        sentiment=WireSentiment(label="negative", score=0.8),
        checkpoint=CHECKPOINT,
        origin=Origin(topic="posts", partition=0, offset=7),
        stages=[StageTime(name="annotate", started_at=datetime(2026, 1, 1, tzinfo=UTC), seconds=0.01)],
    )


async def run_agent(
    agent: Any, records: Sequence[Record], *, stopping: asyncio.Event | None = None
) -> list[Record]:
    """Let the agent process the records; returns those that it finished, in order."""
    finished: list[Record] = []
    await agent.process(records, finished.append, stopping or asyncio.Event())
    return finished


def make_provenance(*, num_valid: int = 1, selected_by: SelectionMethod | None = None) -> Provenance:
    """Return what made a fake alert."""
    return Provenance(
        checkpoint=CHECKPOINT,
        llm="fake",
        candidate_prompt="candidate-v1",
        selection_prompt=None,
        num_sampled=4,
        num_valid=num_valid,
        selected_by=selected_by,
    )


def make_alert(annotated: AnnotatedPost | None = None) -> Alert:
    """Return an alert about the first entity of the post."""
    annotated = annotated or make_annotated_post()
    entity = annotated.entities[0]
    return Alert(
        id=outcome_id(annotated.post.id),
        alert=f"Fire: {entity.text}",
        theme="Fire",
        entity=entity.text,
        entity_type=entity.type,
        entity_start=entity.start,
        entity_end=entity.end,
        sentiment=WireSentiment(label="negative", score=0.8),
        post=annotated.post,
        origin=annotated.origin,
        provenance=make_provenance(selected_by=SelectionMethod.ONLY_CANDIDATE),
        stages=annotated.stages,
    )


def make_abstention(annotated: AnnotatedPost | None = None) -> Abstention:
    """Return an abstention from a post without an entity."""
    annotated = annotated or make_annotated_post("Fire somewhere")
    return Abstention(
        id=outcome_id(annotated.post.id),
        reason=AbstentionReason.NO_ENTITY,
        post=annotated.post,
        origin=annotated.origin,
        provenance=make_provenance(num_valid=0),
        stages=annotated.stages,
    )
