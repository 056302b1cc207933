"""Where posts end, read back from the topics: alerts, abstentions and dead letters."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from pipeline.errors import InvalidMessageError, RecordError
from pipeline.messages import Abstention, Alert, Origin
from pipeline.messages.codec import decode
from pipeline.messages.dead_letter import DeadLetter, from_record
from pipeline.messages.record import Record
from pipeline.settings import Settings
from pipeline.topology import OUTCOMES, POSTS, POSTS_DEAD, ROLES, topic_names

Outcome = Alert | Abstention | DeadLetter

_MAX_BYTES = 64 * 2**20


def outcome_topics(settings: Settings) -> list[str]:
    """Return the names of the topics on which a post can end."""
    return topic_names(settings, OUTCOMES)


def is_deletion(record: Record, settings: Settings) -> bool:
    """Whether the record deletes an alert or an abstention. The record of a dead letter may have no value either."""
    return record.is_tombstone and record.topic != POSTS_DEAD.name(settings)


def read_outcome(record: Record, settings: Settings) -> Outcome:
    """Return the outcome in a record of one of the three topics.

    Raises:
        RecordError: it is a record of another program.
    """
    for topic in OUTCOMES:
        if topic.message is not None and topic.name(settings) == record.topic:
            return cast(Outcome, decode(record.value, topic.message, max_bytes=_MAX_BYTES))
    try:
        return from_record(record)
    except (KeyError, ValueError) as error:
        raise InvalidMessageError(f"not a dead letter of ours: {error}") from error


def origin_of(outcome: Outcome, settings: Settings) -> Origin:
    """Return the position of the post that has this outcome."""
    if not isinstance(outcome, DeadLetter):
        return outcome.origin
    # The letter of a later agent holds an earlier agent's message, which says where its post lay.
    for topic in (role.reads for role in ROLES if role.reads is not POSTS):
        if topic.message is not None and outcome.origin.topic == topic.name(settings):
            with suppress(RecordError):
                message: Any = decode(outcome.value, topic.message, max_bytes=_MAX_BYTES)
                return getattr(message, "origin", outcome.origin)
    return outcome.origin


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as `{"alert": {...}}`, `{"abstention": {...}}` or `{"dead_letter": {...}}`."""
    names = {Alert: "alert", Abstention: "abstention", DeadLetter: "dead_letter"}
    return {names[type(outcome)]: msgspec.to_builtins(outcome)}


@dataclass(slots=True)
class Tally:
    """Counts outcomes. A post counts once, however often it was delivered."""

    alerts: int = 0
    abstentions: Counter[str] = field(default_factory=Counter)  # counts by reason
    dead_letters: Counter[str] = field(default_factory=Counter)  # counts by stage
    _seen: set[Origin] = field(default_factory=set)

    def add(self, outcome: Outcome, origin: Origin) -> bool:
        """Count the outcome; returns False if its post was counted before."""
        if origin in self._seen:
            return False
        self._seen.add(origin)
        if isinstance(outcome, Alert):
            self.alerts += 1
        elif isinstance(outcome, Abstention):
            self.abstentions[outcome.reason.value] += 1
        else:
            self.dead_letters[outcome.stage] += 1
        return True

    @property
    def num_posts(self) -> int:
        """Number of posts with an outcome."""
        return self.alerts + self.abstentions.total() + self.dead_letters.total()
