"""The second agent: `posts.annotated` in, `alerts` or `alerts.abstained` out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.alert_generator import AlertGenerator, Generation
from pipeline.codec import decode, encode
from pipeline.dead_letter import DeadLetter, bury, to_outgoing
from pipeline.errors import InternalError, OutcomeTooLargeError, RecordError
from pipeline.kafka import Outgoing, Publisher
from pipeline.messages import Abstention, Alert, AnnotatedPost
from pipeline.metrics import Metrics
from pipeline.records import Finish, Record

logger = logging.getLogger(__name__)

# Our own messages: a post within its limit, its entities, and what JSON escaping may add.
_MAX_ANNOTATED_BYTES = 8 * 2**20

_OWN_STAGES = frozenset({"sample", "filter", "select"})


@dataclass(frozen=True, slots=True)
class AlertTopics:
    """Where the outcomes of posts go."""

    alerts: str
    abstained: str
    dead: str


class AlertAgent:
    """Writes the alerts of many posts at once; each outcome leaves as soon as it is there.

    Args:
        max_posts: posts in work at once; the rest of a batch waits, and is given back when the program stops.
    """

    def __init__(
        self,
        generator: AlertGenerator,
        publisher: Publisher,
        metrics: Metrics,
        *,
        topics: AlertTopics,
        max_posts: int,
    ) -> None:
        self._generator = generator
        self._publisher = publisher
        self._metrics = metrics
        self._topics = topics
        self._max_posts = max_posts

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Publish an outcome for each record, starting them in order, `max_posts` at a time."""
        self._metrics.posts_received.labels("alert").inc(len(records))
        self._metrics.batch_size.labels("alert").observe(len(records))
        free = asyncio.Semaphore(self._max_posts)
        async with asyncio.TaskGroup() as tasks:
            for record in records:
                await free.acquire()
                if stopping.is_set():
                    return
                task = tasks.create_task(self._process_one(record, finish))
                task.add_done_callback(lambda _: free.release())

    async def _process_one(self, record: Record, finish: Finish) -> None:
        with self._metrics.posts_in_flight.track_inprogress():
            outcome = await self._outcome(record)
            with self._metrics.stage_seconds.labels("publish").time():
                await self._publisher.publish([self._address(outcome, record)])
        self._count(outcome)
        finish(record)

    async def _outcome(self, record: Record) -> Generation | DeadLetter:
        try:
            post = decode(record.value, AnnotatedPost, max_bytes=_MAX_ANNOTATED_BYTES)
        except RecordError as error:
            return bury(record, error, stage="decode")
        try:
            return await self._generator.generate(post)
        except RecordError as error:
            return bury(record, error, stage="alert")
        except Exception as error:
            logger.exception("no alert for %s/%d/%d", record.topic, record.partition, record.offset)
            return bury(
                record, InternalError(f"{type(error).__name__} while writing the alert"), stage="alert"
            )

    def _address(self, outcome: Generation | DeadLetter, record: Record) -> Outgoing:
        if isinstance(outcome, DeadLetter):
            return to_outgoing(outcome, self._topics.dead)
        message = outcome.outcome
        topic = self._topics.alerts if isinstance(message, Alert) else self._topics.abstained
        too_large = bury(
            record, OutcomeTooLargeError("the broker refuses the outcome as too large"), stage="alert"
        )
        return Outgoing(
            topic,
            message.post.id.encode(),
            encode(message),
            fallback=to_outgoing(too_large, self._topics.dead),
        )

    def _count(self, outcome: Generation | DeadLetter) -> None:
        metrics = self._metrics
        if isinstance(outcome, DeadLetter):
            metrics.dead_letters.labels(outcome.stage, outcome.reason).inc()
            return
        for sample in outcome.samples:
            metrics.candidates.labels(sample.rejected_by or "valid").inc()
        message = outcome.outcome
        for stage in message.stages:
            if stage.name in _OWN_STAGES:  # those that came with the record are anybody's words
                metrics.stage_seconds.labels(stage.name).observe(stage.seconds)
        if isinstance(message, Abstention):
            metrics.abstentions.labels(message.reason).inc()
        else:
            metrics.alerts.labels(message.provenance.selected_by or "none").inc()
