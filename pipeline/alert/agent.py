"""The second agent: `posts.annotated` in, `alerts` or `alerts.abstained` out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import orjson

from pipeline.alert.generator import AlertGenerator
from pipeline.alert.metrics import DEGRADED, VALID, AlertMetrics
from pipeline.alert.outcome import AlertResult
from pipeline.errors import InternalError, InvalidMessageError, LlmUnavailableError, RecordError
from pipeline.messages import Abstention, AnnotatedPost
from pipeline.messages.dead_letter import DeadLetter, decode_or_dead_letter, to_dead_letter
from pipeline.messages.record import Record
from pipeline.outcomes.ledger import Ledger
from pipeline.stream.agent import Finish
from pipeline.stream.intake import Intake
from pipeline.stream.outbox import Outbox
from pipeline.topology import ALERT

logger = logging.getLogger(__name__)

# Our own messages: a post within its limit, its entities, and what JSON escaping may add.
_MAX_BYTES = 8 * 2**20


class AlertAgent:
    """Writes the alerts of many posts at once; each outcome is published as soon as it is there.

    Args:
        ledger: which posts have an outcome already.
        max_posts: posts in work at once. The rest of a batch waits, and is given back when the program stops.
    """

    def __init__(
        self,
        generator: AlertGenerator,
        outbox: Outbox,
        ledger: Ledger,
        metrics: AlertMetrics,
        *,
        max_posts: int,
    ) -> None:
        self._generator = generator
        self._outbox = outbox
        self._ledger = ledger
        self._metrics = metrics
        self._max_posts = max_posts
        self._intake = Intake(ALERT, metrics)

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Publish an outcome for each record, starting them in order, `max_posts` at a time."""
        records = self._intake.take(records, finish)
        posts = [decode_annotated(record) for record in records]
        await self._ledger.catch_up(post.post.id for post in posts if isinstance(post, AnnotatedPost))
        free = asyncio.Semaphore(self._max_posts)
        async with asyncio.TaskGroup() as tasks:
            for record, post in zip(records, posts, strict=True):
                await free.acquire()
                if stopping.is_set():
                    return
                task = tasks.create_task(self._write(record, post, finish))
                task.add_done_callback(lambda _: free.release())

    def on_rebalance(self) -> None:
        """Note that other agents may have published outcomes of the posts that come now."""
        self._ledger.on_rebalance()

    async def _write(self, record: Record, post: AnnotatedPost | DeadLetter, finish: Finish) -> None:
        """Publish what comes of one post, unless it has its outcome already."""
        with self._intake.in_flight():
            if isinstance(post, DeadLetter):
                await self._outbox.publish([(record, post)], finish)
                return
            async with self._ledger.claim(post.post) as done:
                if done is not None:
                    self._metrics.posts_skipped.labels(done).inc()
                    finish(record)
                    return
                result = await self._generate(record, post)
                outcome = result if isinstance(result, DeadLetter) else result.outcome
                [published] = await self._outbox.publish([(record, outcome)], finish)
                if not isinstance(result, DeadLetter) and published is outcome:
                    self._ledger.add(result.outcome)
                    self._count(result)

    async def _generate(self, record: Record, post: AnnotatedPost) -> AlertResult | DeadLetter:
        try:
            try:
                return await self._generator.generate(post)
            except LlmUnavailableError:  # the LLM was away for as long as the settings say
                return self._generator.degraded(post)
        except RecordError as error:
            return to_dead_letter(record, error, stage=ALERT.name)
        except Exception as error:
            logger.exception("no alert for %s/%d/%d", record.topic, record.partition, record.offset)
            internal = InternalError(f"{type(error).__name__} while writing the alert")
            return to_dead_letter(record, internal, stage=ALERT.name)

    def _count(self, result: AlertResult) -> None:
        metrics = self._metrics
        for sample in result.samples:
            metrics.candidates.labels(sample.rejected_by or VALID).inc()
        for stage in result.times:
            metrics.stage_seconds.labels(stage.name).observe(stage.seconds)
        message = result.outcome
        if message.confidence is not None:
            metrics.confidence.observe(message.confidence)
        if isinstance(message, Abstention):
            metrics.abstentions.labels(message.reason).inc()
        else:
            metrics.alerts.labels(message.provenance.selected_by or DEGRADED).inc()


def decode_annotated(record: Record) -> AnnotatedPost | DeadLetter:
    """Return the annotated post, or the record's dead letter.

    A post that is right but for its `stages` loses these: how long others took is not a reason to withhold an alert.
    """
    post = decode_or_dead_letter(record, AnnotatedPost, max_bytes=_MAX_BYTES)
    if not isinstance(post, DeadLetter) or post.reason != InvalidMessageError.reason:
        return post
    bare = replace(record, value=_without_stages(record.value))
    again = decode_or_dead_letter(bare, AnnotatedPost, max_bytes=_MAX_BYTES)
    return post if isinstance(again, DeadLetter) else again


def _without_stages(value: bytes | None) -> bytes:
    document = orjson.loads(value or b"null")
    if isinstance(document, dict) and "stages" in document:
        document["stages"] = []
    return orjson.dumps(document)
