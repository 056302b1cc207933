"""The first agent: `posts` in, `posts.annotated` out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from models import Annotation, AnnotationError, Annotator
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.network import annotate_safely, to_annotated_post
from pipeline.errors import UnannotatableError
from pipeline.messages import AnnotatedPost, Origin, Post, StageTime
from pipeline.messages.dead_letter import DeadLetter, decode_or_dead_letter, to_dead_letter
from pipeline.messages.record import Record
from pipeline.messages.stopwatch import Stopwatch
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.stream.agent import Finish
from pipeline.stream.intake import Intake
from pipeline.stream.outbox import Outbox
from pipeline.topology import ANNOTATE

logger = logging.getLogger(__name__)

# Bytes that the network gets at once: about a thousand ordinary posts. Without this bound a batch of very long posts
# would delay its first outcome by minutes.
_MAX_SLICE_BYTES = 2**18


class AnnotateAgent:
    """Annotates batches of posts with the network, off the event loop, and keeps their order.

    Args:
        max_post_bytes: larger records are not decoded.
    """

    def __init__(
        self, annotator: Annotator, outbox: Outbox, metrics: AnnotateMetrics, *, max_post_bytes: int
    ) -> None:
        self._annotator = annotator
        self._outbox = outbox
        self._metrics = metrics
        unknown = UnknownFields(lambda name: logger.info("%s: %s", NOT_OF_A_POST, name))
        self._intake: Intake[Post] = Intake(
            ANNOTATE,
            metrics,
            lambda record: decode_or_dead_letter(
                record, Post, max_bytes=max_post_bytes, on_unknown=unknown.note
            ),
        )
        # One thread: the network takes a whole batch, and a second batch beside it would only compete.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="annotator")

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Annotate the batch and publish every outcome in the order of the records."""
        for part in slices(self._intake.take(records, finish), _MAX_SLICE_BYTES):
            if stopping.is_set():
                return
            with self._intake.in_flight(len(part)):
                outcomes = await self._annotate(part)
                published = await self._outbox.publish(list(zip(part, outcomes, strict=True)), finish)
            self._metrics.posts_annotated.inc(sum(isinstance(o, AnnotatedPost) for o in published))

    def on_rebalance(self) -> None:
        """Do nothing: this agent remembers nothing of a partition."""

    async def _annotate(self, records: Sequence[Record]) -> list[AnnotatedPost | DeadLetter]:
        posts = self._intake.decode(records)
        stopwatch = Stopwatch()
        annotations = iter(await self._run_network([post.text for post in posts if isinstance(post, Post)]))
        stage = stopwatch.stage("annotate")
        return [
            self._combine(post, next(annotations), record, stage) if isinstance(post, Post) else post
            for post, record in zip(posts, records, strict=True)
        ]

    async def _run_network(self, texts: list[str]) -> Sequence[Annotation | AnnotationError]:
        timings: dict[str, float] = {}
        with self._metrics.stage_seconds.labels("annotate").time():
            annotations = await asyncio.get_running_loop().run_in_executor(
                self._executor, annotate_safely, self._annotator, texts, timings
            )
        for name, seconds in timings.items():
            self._metrics.stage_seconds.labels(name).observe(seconds)
        return annotations

    def _combine(
        self, post: Post, annotation: Annotation | AnnotationError, record: Record, stage: StageTime
    ) -> AnnotatedPost | DeadLetter:
        if isinstance(annotation, AnnotationError):
            return to_dead_letter(record, UnannotatableError(str(annotation)), stage=ANNOTATE.name)
        origin = Origin(topic=record.topic, partition=record.partition, offset=record.offset)
        return to_annotated_post(post, annotation, self._annotator, origin=origin, stages=[stage])


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
