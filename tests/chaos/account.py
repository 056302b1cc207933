"""The accountant draws up a balance from the produced ids and all records of the three outcome topics."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from tests.chaos.kafka_log import LoggedRecord

Kind = Literal["alert", "abstention", "dead_letter"]

# The same post annotated in another batch has scores that differ in their last digits.
_SCORE_DIGITS = 3
# `stages` are times. `provenance` describes how the LLM was asked, not what the alert says.
_NOT_COMPARED = frozenset({"stages", "provenance"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One record of an outcome topic."""

    post_id: str
    kind: Kind
    content: str  # equal for two outcomes with the same content for people
    seconds: float  # when it was published, since the epoch


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the posts that the broker had acknowledged."""

    num_posts: int
    missing: tuple[str, ...]  # ids without any outcome
    num_doubled: int  # outcomes beyond one for each id
    differing: tuple[str, ...]  # ids whose outcomes do not all have the same content
    dead: tuple[str, ...]  # ids that have a dead letter
    unknown: tuple[str, ...]  # ids of outcomes, but not of any produced post
    kinds: dict[str, int]  # outcomes by kind


@dataclass(frozen=True, slots=True)
class Fault:
    """The time in which something was broken; both ends are equal if it was done in an instant."""

    name: str
    began: float  # seconds since the epoch
    ended: float


def read_outcome(record: LoggedRecord, kind: Kind) -> Outcome:
    """Return the outcome in a record; its id is that of the post in it or, for a dead letter, the record's key."""
    post_id = (record.key or b"").decode(errors="replace")
    if kind == "dead_letter":
        return Outcome(post_id, kind, repr(record.value), record.seconds)
    message = json.loads(record.value or b"null")
    compared = {name: value for name, value in message.items() if name not in _NOT_COMPARED}
    content = kind + json.dumps(_rounded(compared), sort_keys=True)
    return Outcome(message["post"]["id"], kind, content, record.seconds)


def settle(produced: Iterable[str], outcomes: Iterable[Outcome]) -> Balance:
    """Compare the outcomes with the produced ids."""
    ids = set(produced)
    by_id: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_id[outcome.post_id].append(outcome)
    known = {post_id: found for post_id, found in by_id.items() if post_id in ids}
    return Balance(
        num_posts=len(ids),
        missing=tuple(sorted(ids - by_id.keys())),
        num_doubled=sum(len(found) - 1 for found in known.values()),
        differing=_ids_where(known, lambda found: len({outcome.content for outcome in found}) > 1),
        dead=_ids_where(known, lambda found: any(outcome.kind == "dead_letter" for outcome in found)),
        unknown=tuple(sorted(by_id.keys() - ids)),
        kinds=dict(Counter(outcome.kind for found in by_id.values() for outcome in found)),
    )


def seconds_to_recover(faults: Sequence[Fault], published: Iterable[float]) -> list[float | None]:
    """Return for each fault the longest silence from its end until the next fault's begin or the last outcome.

    None if nothing was published after the fault and no other fault followed it.

    Args:
        published: when each outcome was published, in any order.
    """
    if not faults:
        return []
    times = sorted(published)
    horizons = [*(fault.began for fault in faults[1:]), times[-1] if times else 0.0]
    return [
        _longest_silence(fault.ended, horizon, times) for fault, horizon in zip(faults, horizons, strict=True)
    ]


def _longest_silence(began: float, ended: float, times: Sequence[float]) -> float | None:
    if ended <= began:
        return None
    inside = [time for time in times if began < time < ended]
    return max(after - before for before, after in pairwise([began, *inside, ended]))


def _ids_where(known: dict[str, list[Outcome]], is_so: Any) -> tuple[str, ...]:
    return tuple(sorted(post_id for post_id, found in known.items() if is_so(found)))


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _SCORE_DIGITS)
        case dict():
            return {name: _rounded(item) for name, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
    return value
