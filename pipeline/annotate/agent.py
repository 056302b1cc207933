"""The first agent: `posts` in, `posts.annotated` out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import models
from models import Annotation, AnnotationError, Annotator
from pipeline.errors import OutcomeTooLargeError, UnannotatableError
from pipeline.kafka.publisher import Publisher
from pipeline.messages import (
    MAX_ENTITIES,
    AnnotatedPost,
    CheckpointRef,
    Entity,
    Origin,
    Post,
    Sentiment,
    StageTime,
)
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter, bury, decode_or_bury, replay_headers, to_outgoing
from pipeline.messages.headers import pick_headers
from pipeline.messages.record import Finish, Outgoing, Record
from pipeline.messages.stopwatch import Stopwatch
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.monitor.metrics import Metrics
from pipeline.stream.tombstones import finish_tombstones

logger = logging.getLogger(__name__)

# Of the records that the network gets at once: some thousand usual posts, or so many of the longest that the outcomes
# of the first do not wait for minutes.
_MAX_SLICE_BYTES = 2**18

_CANARY = "A fire broke out in Athens on Monday."


class AnnotateAgent:
    """Annotates batches of posts with the network, off the event loop, and keeps their order.

    Args:
        annotated_topic, dead_topic: where outcomes go.
        max_post_bytes: larger records are not decoded.
        carry_headers: names of headers that travel on besides those of traces.
    """

    def __init__(
        self,
        annotator: Annotator,
        publisher: Publisher,
        metrics: Metrics,
        *,
        annotated_topic: str,
        dead_topic: str,
        max_post_bytes: int,
        carry_headers: Collection[str] = (),
    ) -> None:
        self._annotator = annotator
        self._publisher = publisher
        self._metrics = metrics
        self._annotated_topic = annotated_topic
        self._dead_topic = dead_topic
        self._max_post_bytes = max_post_bytes
        self._unknown_fields = UnknownFields(_tell_unknown)
        self._carry_headers = carry_headers
        # One thread: the network takes a whole batch, a second one would only compete with it.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="annotator")

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Annotate the batch and publish every outcome in the order of the records."""
        self._metrics.posts_received.labels("annotate").inc(len(records))
        self._metrics.batch_size.labels("annotate").observe(len(records))
        posts = finish_tombstones(records, finish, self._metrics.tombstones.labels("annotate"))
        for part in slices(posts, _MAX_SLICE_BYTES):
            if stopping.is_set():
                return
            await self._process_slice(part, finish)

    async def _process_slice(self, records: Sequence[Record], finish: Finish) -> None:
        metrics = self._metrics
        metrics.posts_in_flight.inc(len(records))
        try:
            outcomes = await self._outcomes(records)
            with metrics.stage_seconds.labels("publish").time():
                await self._publisher.publish(
                    [self._address(outcomes, number, record) for number, record in enumerate(records)]
                )
        finally:
            metrics.posts_in_flight.dec(len(records))
        for record, outcome in zip(records, outcomes, strict=True):
            self._count(outcome)
            finish(record)

    def on_rebalance(self) -> None:
        """Do nothing: this agent remembers nothing of a partition."""

    async def _outcomes(self, records: Sequence[Record]) -> list[AnnotatedPost | DeadLetter]:
        decoded = [
            decode_or_bury(record, Post, max_bytes=self._max_post_bytes, on_unknown=self._unknown_fields.note)
            for record in records
        ]
        texts = [post.text for post in decoded if isinstance(post, Post)]
        stopwatch = Stopwatch()
        annotations = iter(await self._annotate(texts))
        stage = stopwatch.stage("annotate")
        return [
            self._combine(post, next(annotations), record, stage) if isinstance(post, Post) else post
            for post, record in zip(decoded, records, strict=True)
        ]

    async def _annotate(self, texts: list[str]) -> Sequence[Annotation | AnnotationError]:
        timings: dict[str, float] = {}
        with self._metrics.stage_seconds.labels("annotate").time():
            annotations = await asyncio.get_running_loop().run_in_executor(
                self._executor, _annotate_safely, self._annotator, texts, timings
            )
        for name, seconds in timings.items():
            self._metrics.stage_seconds.labels(name).observe(seconds)
        return annotations

    def _combine(
        self, post: Post, annotation: Annotation | AnnotationError, record: Record, stage: StageTime
    ) -> AnnotatedPost | DeadLetter:
        if isinstance(annotation, AnnotationError):
            return bury(record, UnannotatableError(str(annotation)), stage="annotate")
        origin = Origin(topic=record.topic, partition=record.partition, offset=record.offset)
        return to_annotated_post(post, annotation, self._annotator, origin=origin, stages=[stage])

    def _address(self, outcomes: list[AnnotatedPost | DeadLetter], number: int, record: Record) -> Outgoing:
        outcome = outcomes[number]
        if isinstance(outcome, DeadLetter):
            return to_outgoing(outcome, self._dead_topic)
        return Outgoing(
            self._annotated_topic,
            outcome.post.id.encode(),
            encode(outcome),
            [*replay_headers(record), *pick_headers(record.headers, self._carry_headers)],
            fallback=partial(self._bury_too_large, outcomes, number, record),
        )

    def _bury_too_large(
        self, outcomes: list[AnnotatedPost | DeadLetter], number: int, record: Record
    ) -> Outgoing:
        """Put a dead letter in the outcome's place, and return it for the broker."""
        error = OutcomeTooLargeError("the broker refuses the annotated post as too large")
        outcomes[number] = letter = bury(record, error, stage="annotate")
        return to_outgoing(letter, self._dead_topic)

    def _count(self, outcome: AnnotatedPost | DeadLetter) -> None:
        if isinstance(outcome, DeadLetter):
            self._metrics.dead_letters.labels(outcome.stage, outcome.reason).inc()
        else:
            self._metrics.posts_annotated.inc()


def _tell_unknown(name: str) -> None:
    logger.info("%s: %s", NOT_OF_A_POST, name)


def slices(records: Sequence[Record], max_bytes: int) -> Iterator[Sequence[Record]]:
    """Cut the records, in order, into parts of at most this many bytes, or of one record; none has no part."""
    start = size = 0
    for end, record in enumerate(records):
        size += len(record.value or b"")
        if size > max_bytes and end > start:
            yield records[start:end]
            start, size = end, len(record.value or b"")
    if records:
        yield records[start:]


def to_annotated_post(
    post: Post, annotation: Annotation, annotator: Annotator, *, origin: Origin, stages: list[StageTime]
) -> AnnotatedPost:
    """Return the post with what the annotator found in it, in the wire form."""
    sentiment, checkpoint = annotation.sentiment, annotator.checkpoint
    return AnnotatedPost(
        post=post,
        entities=[
            Entity(text=e.text, type=e.type, start=e.start, end=e.end, score=e.score)
            for e in _most_certain(annotation)
        ],
        sentiment=Sentiment(label=sentiment.label, score=sentiment.score) if sentiment else None,
        checkpoint=CheckpointRef(name=checkpoint.name, sha256=checkpoint.sha256, guidelines=annotator.source),
        origin=origin,
        stages=stages,
    )


def _most_certain(annotation: Annotation) -> Sequence[models.Entity]:
    if len(annotation.entities) <= MAX_ENTITIES:
        return annotation.entities
    kept = sorted(annotation.entities, key=lambda entity: -entity.score)[:MAX_ENTITIES]
    return sorted(kept, key=lambda entity: entity.start)


def _annotate_safely(
    annotator: Annotator, texts: list[str], timings: dict[str, float]
) -> Sequence[Annotation | AnnotationError]:
    """Annotate the batch; where that raises, each text alone, so that one text cannot take others with it."""
    try:
        return annotator.annotate(texts, timings)
    except Exception:
        logger.exception("annotating a batch of %d posts failed; trying each alone", len(texts))
        # A network that cannot annotate this either is broken, and no post is to blame: the program ends.
        annotator.annotate([_CANARY])
        return [_annotate_alone(annotator, text) for text in texts]


def _annotate_alone(annotator: Annotator, text: str) -> Annotation | AnnotationError:
    try:
        return annotator.annotate([text])[0]
    except Exception as error:
        return AnnotationError(f"the network failed on this text: {type(error).__name__}")
