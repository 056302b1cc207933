"""The first agent: `posts` in, `posts.annotated` out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from models import Annotation, AnnotationError, Annotator
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.network import annotate_safely, to_annotated_post
from pipeline.annotate.reading import Part, RecordReader
from pipeline.errors import UnannotatableError
from pipeline.formats.format import ReadPost
from pipeline.messages import AnnotatedPost, StageTime
from pipeline.messages.dead_letter import DeadLetter, place_of, to_dead_letter
from pipeline.messages.record import Record
from pipeline.messages.stopwatch import Stopwatch
from pipeline.stream.agent import Finish
from pipeline.stream.intake import Intake, Parts
from pipeline.stream.outbox import Outbox
from pipeline.topology import ANNOTATE

# What the network gets at once: about a thousand ordinary posts. Without these bounds a batch of very long posts, or of
# records with very many posts each, would delay its first outcome by minutes.
_MAX_SLICE_BYTES = 2**18
_MAX_SLICE_POSTS = 1_000


class AnnotateAgent:
    """Annotates batches of posts with the network, off the event loop, and keeps their order."""

    def __init__(
        self, annotator: Annotator, outbox: Outbox, metrics: AnnotateMetrics, *, reader: RecordReader
    ) -> None:
        self._annotator = annotator
        self._outbox = outbox
        self._metrics = metrics
        self._reader = reader
        self._intake = Intake(ANNOTATE, metrics)
        # One thread: the network takes a whole batch, and a second batch beside it would only compete.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="annotator")

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Annotate the batch and publish every outcome in the order of the records, and of the posts in each.

        A record of several posts is finished once all of them have their outcomes. If the agent stops in between, the
        record comes again, and the alert agent skips the posts that it knows.
        """
        whole = Parts(finish)
        parts = self._read(self._intake.take(records, finish), whole)
        for part in slices(parts, _MAX_SLICE_BYTES, _MAX_SLICE_POSTS):
            if stopping.is_set():
                return
            with self._intake.in_flight(len(part)):
                outcomes = await self._annotate(part)
                results = [(one.record, outcome) for one, outcome in zip(part, outcomes, strict=True)]
                published = await self._outbox.publish(results, whole.finish)
            self._metrics.posts_annotated.inc(sum(isinstance(o, AnnotatedPost) for o in published))

    def on_rebalance(self) -> None:
        """Do nothing: this agent remembers nothing of a partition."""

    def _read(self, records: Iterable[Record], whole: Parts) -> Iterator[Part]:
        for record in records:
            parts = self._reader.read(record)
            whole.begin(record, [part.record for part in parts])
            yield from parts

    async def _annotate(self, parts: Sequence[Part]) -> list[AnnotatedPost | DeadLetter]:
        texts = [part.content.post.text for part in parts if isinstance(part.content, ReadPost)]
        stopwatch = Stopwatch()
        annotations = iter(await self._run_network(texts))
        stage = stopwatch.stage("annotate")
        return [
            self._combine(part.content, next(annotations), part.record, stage)
            if isinstance(part.content, ReadPost)
            else part.content
            for part in parts
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
        self, read: ReadPost, annotation: Annotation | AnnotationError, record: Record, stage: StageTime
    ) -> AnnotatedPost | DeadLetter:
        if isinstance(annotation, AnnotationError):
            return to_dead_letter(record, UnannotatableError(str(annotation)), stage=ANNOTATE.name)
        annotated = to_annotated_post(
            read.post, annotation, self._annotator, origin=place_of(record), stages=[stage]
        )
        return structs.replace(annotated, read_as=read.read_as)


def slices(parts: Iterable[Part], max_bytes: int, max_posts: int) -> Iterator[Sequence[Part]]:
    """Cut the parts, in order, into slices of at most so many posts and bytes, or of one part; yields none of none."""
    pending: list[Part] = []
    num_bytes = 0
    for part in parts:
        size = len(part.record.value or b"")
        if pending and (num_bytes + size > max_bytes or len(pending) == max_posts):
            yield pending
            pending, num_bytes = [], 0
        pending.append(part)
        num_bytes += size
    if pending:
        yield pending
