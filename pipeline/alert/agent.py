"""The second agent: `posts.annotated` in, `alerts` or `alerts.abstained` out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pipeline.alert.annotated_record import decode_annotated
from pipeline.alert.attempt import Generation
from pipeline.alert.degraded import degraded_alert
from pipeline.alert.generator import AlertGenerator
from pipeline.errors import InternalError, LlmUnavailableError, OutcomeTooLargeError, RecordError
from pipeline.kafka.publisher import Publisher
from pipeline.messages import Abstention, Alert, AnnotatedPost
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter, bury, to_outgoing
from pipeline.messages.headers import pick_headers
from pipeline.messages.record import Finish, Outgoing, Record
from pipeline.monitor.labels import DEGRADED, VALID
from pipeline.monitor.metrics import Metrics
from pipeline.outcomes.ledger import Ledger
from pipeline.stream.tombstones import finish_tombstones

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertTopics:
    """Where the outcomes of posts go."""

    alerts: str
    abstained: str
    dead: str


@dataclass(frozen=True, slots=True)
class Outlet:
    """How the outcomes of posts go there, with which headers, and which are there already."""

    publisher: Publisher
    topics: AlertTopics
    ledger: Ledger
    carry_headers: Collection[str] = ()  # names of headers that travel on besides those of traces


class AlertAgent:
    """Writes the alerts of many posts at once; each outcome leaves as soon as it is there.

    Args:
        max_posts: posts in work at once; the rest of a batch waits, and is given back when the program stops.
    """

    def __init__(
        self, generator: AlertGenerator, outlet: Outlet, metrics: Metrics, *, max_posts: int
    ) -> None:
        self._generator = generator
        self._publisher = outlet.publisher
        self._topics = outlet.topics
        self._ledger = outlet.ledger
        self._carry_headers = outlet.carry_headers
        self._metrics = metrics
        self._max_posts = max_posts

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Publish an outcome for each record, starting them in order, `max_posts` at a time."""
        self._metrics.posts_received.labels("alert").inc(len(records))
        self._metrics.batch_size.labels("alert").observe(len(records))
        records = finish_tombstones(records, finish, self._metrics.tombstones.labels("alert"))
        posts = [decode_annotated(record) for record in records]
        await self._ledger.catch_up(post.post.id for post in posts if isinstance(post, AnnotatedPost))
        free = asyncio.Semaphore(self._max_posts)
        async with asyncio.TaskGroup() as tasks:
            for record, post in zip(records, posts, strict=True):
                await free.acquire()
                if stopping.is_set():
                    return
                task = tasks.create_task(self._process_one(record, post, finish))
                task.add_done_callback(lambda _: free.release())

    def on_rebalance(self) -> None:
        """Note that others may have published outcomes of the posts that come now."""
        self._ledger.on_rebalance()

    async def _process_one(self, record: Record, post: AnnotatedPost | DeadLetter, finish: Finish) -> None:
        with self._metrics.posts_in_flight.track_inprogress():
            if isinstance(post, DeadLetter):
                await self._publish(post, record)
            else:
                await self._process_post(record, post)
        finish(record)

    async def _process_post(self, record: Record, post: AnnotatedPost) -> None:
        async with self._ledger.claim(post.post) as done:
            if done is not None:
                self._metrics.posts_skipped.labels(done).inc()
                return
            outcome = await self._publish(await self._outcome(record, post), record)
            if isinstance(outcome, Generation):
                self._ledger.add(outcome.outcome)

    async def _publish(self, outcome: Generation | DeadLetter, record: Record) -> Generation | DeadLetter:
        """Publish the outcome; returns it, or the dead letter that took its place."""

        def bury_too_large() -> Outgoing:
            nonlocal outcome
            error = OutcomeTooLargeError("the broker refuses the outcome as too large")
            outcome = letter = bury(record, error, stage="alert")
            return to_outgoing(letter, self._topics.dead)

        with self._metrics.stage_seconds.labels("publish").time():
            await self._publisher.publish([self._address(outcome, record, bury_too_large)])
        self._count(outcome)
        return outcome

    async def _outcome(self, record: Record, post: AnnotatedPost) -> Generation | DeadLetter:
        try:
            try:
                return await self._generator.generate(post)
            except LlmUnavailableError:  # the settings say how long to wait
                return degraded_alert(post)
        except RecordError as error:
            return bury(record, error, stage="alert")
        except Exception as error:
            logger.exception("no alert for %s/%d/%d", record.topic, record.partition, record.offset)
            return bury(
                record, InternalError(f"{type(error).__name__} while writing the alert"), stage="alert"
            )

    def _address(
        self, outcome: Generation | DeadLetter, record: Record, fallback: Callable[[], Outgoing]
    ) -> Outgoing:
        if isinstance(outcome, DeadLetter):
            return to_outgoing(outcome, self._topics.dead)
        message = outcome.outcome
        topic = self._topics.alerts if isinstance(message, Alert) else self._topics.abstained
        headers = pick_headers(record.headers, self._carry_headers)
        return Outgoing(topic, message.post.id.encode(), encode(message), headers, fallback=fallback)

    def _count(self, outcome: Generation | DeadLetter) -> None:
        metrics = self._metrics
        if isinstance(outcome, DeadLetter):
            metrics.dead_letters.labels(outcome.stage, outcome.reason).inc()
            return
        for sample in outcome.samples:
            metrics.candidates.labels(sample.rejected_by or VALID).inc()
        for stage in outcome.times:
            metrics.stage_seconds.labels(stage.name).observe(stage.seconds)
        message = outcome.outcome
        if isinstance(message, Abstention):
            metrics.abstentions.labels(message.reason).inc()
        else:
            metrics.alerts.labels(message.provenance.selected_by or DEGRADED).inc()
