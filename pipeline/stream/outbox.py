"""What leaves an agent: a message for each record, or the record itself as a dead letter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from msgspec import Struct

from pipeline.errors import OutcomeTooLargeError
from pipeline.kafka.publisher import Publisher
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter, replay_headers, to_dead_letter, to_outgoing
from pipeline.messages.headers import header_names, pick_headers
from pipeline.messages.record import Outgoing, Record
from pipeline.monitor.metrics import Metrics
from pipeline.settings import Settings
from pipeline.stream.agent import Finish
from pipeline.topology import POSTS_DEAD, Role, topics_read


class Outbox:
    """Publishes the outcomes of one role's records, each on the topic of its type, under the key that `topology` names.

    If the broker refuses a message as too large, the record's dead letter takes its place. Headers of traces, and those
    that `TOCSIN_CARRY_HEADERS` names, travel on.
    """

    def __init__(self, publisher: Publisher, metrics: Metrics, *, role: Role, settings: Settings) -> None:
        self._publisher = publisher
        self._metrics = metrics
        self._role = role
        self._topics = {
            topic.message: (topic.name(settings), attrgetter(topic.key))
            for topic in role.writes
            if topic.key is not None
        }
        self._dead_topic = POSTS_DEAD.name(settings)
        self._topics_read = frozenset(topics_read(settings))
        self._carry_headers = header_names(settings.carry_headers)

    async def publish(
        self, results: Sequence[tuple[Record, Struct]], finish: Finish
    ) -> list[Struct | DeadLetter]:
        """Publish the outcome of each record, in order, and finish the records once the broker has acknowledged all.

        Args:
            results: records, each with a message of one of the role's topics or with its `DeadLetter`.

        Returns:
            the outcomes as published: a dead letter stands in the place of a message that was too large.
        """
        outcomes = [outcome for _, outcome in results]
        with self._metrics.stage_seconds.labels("publish").time():
            await self._publisher.publish(
                [self._to_outgoing(outcomes, number, record) for number, (record, _) in enumerate(results)]
            )
        for (record, _), outcome in zip(results, outcomes, strict=True):
            if isinstance(outcome, DeadLetter):
                self._metrics.dead_letters.labels(outcome.stage, outcome.reason).inc()
            finish(record)
        return outcomes

    def _to_outgoing(self, outcomes: list[Struct], number: int, record: Record) -> Outgoing:
        message: Any = outcomes[number]
        if isinstance(message, DeadLetter):
            return to_outgoing(message, self._dead_topic)
        topic, key = self._topics[type(message)]
        headers = pick_headers(record.headers, self._carry_headers)
        if (
            topic in self._topics_read
        ):  # the next agent's dead letter must know how often the record was tried
            headers = [*replay_headers(record), *headers]
        fallback = partial(self._replace_too_large, outcomes, number, record)
        return Outgoing(topic, key(message).encode(), encode(message), headers, fallback=fallback)

    def _replace_too_large(self, outcomes: list[Struct], number: int, record: Record) -> Outgoing:
        """Put a dead letter in the outcome's place, and return it for the broker."""
        error = OutcomeTooLargeError("the broker refuses the outcome as too large")
        outcomes[number] = letter = to_dead_letter(record, error, stage=self._role.name)
        return to_outgoing(letter, self._dead_topic)
