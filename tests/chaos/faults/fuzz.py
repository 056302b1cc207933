"""Records that are not posts, and posts that look strange, among good ones."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable

from tests.chaos.fuzz_records import is_surely_bad, make_fuzz
from tests.chaos.kafka_log import DEAD, POSTS, LoggedRecord
from tests.chaos.load import Produced, ToProduce, make_posts
from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Findings, Scenario

_GOOD_PART = 0.3  # share of all records
_HEADER_PREFIX = "tocsin-"

Place = tuple[int, int]  # partition and offset on the `posts` topic


def make_records(number: int, chance: random.Random) -> list[ToProduce]:
    """Return good posts and fuzzed records in one random order."""
    num_good = int(number * _GOOD_PART)
    records = make_posts(num_good, chance) + make_fuzz(number - num_good, chance)
    chance.shuffle(records)
    return records


async def nothing(rig: Rig) -> None:
    """Do nothing more, because the records are the fault."""


def check(rig: Rig, records: list[LoggedRecord]) -> Findings:
    """Follow every fuzzed record to its outcome."""
    return follow_fuzz([p for p in rig.load.produced if p.record.post_id is None], records)


def follow_fuzz(produced: Iterable[Produced], records: Iterable[LoggedRecord]) -> Findings:
    """Report what became of the fuzzed records, and what is wrong with that."""
    by_place: dict[Place | None, list[LoggedRecord]] = {}
    for record in records:
        by_place.setdefault(_place(record), []).append(record)
    ids = {record.key for found in by_place.values() for record in found if record.topic != DEAD}
    fates = Counter(_fate(p, by_place.get((p.partition, p.offset), []), ids) for p in produced)
    broken = [f"{number} fuzzed records {fate}" for fate, number in fates.items() if fate not in _GOOD_FATES]
    return Findings({"fuzzed " + fate: number for fate, number in sorted(fates.items())}, tuple(broken))


_DEAD_LETTERED = "dead-lettered with their exact bytes, key and headers"
_PROCESSED = "processed as posts"
_SAME_ID = "under an id that another record had"
_GOOD_FATES = frozenset({_DEAD_LETTERED, _PROCESSED, _SAME_ID})


def _fate(produced: Produced, found: list[LoggedRecord], ids: set[bytes | None]) -> str:
    record = produced.record
    letters = [letter for letter in found if letter.topic == DEAD]
    if not found:
        return _SAME_ID if _id_in(record.value) in ids else "without an outcome"
    if not letters:
        return "processed that are no posts" if is_surely_bad(record.value) else _PROCESSED
    return (
        _DEAD_LETTERED
        if all(_is_exact(letter, record) for letter in letters)
        else "dead-lettered, but not as they were"
    )


def _is_exact(letter: LoggedRecord, record: ToProduce) -> bool:
    own = tuple(header for header in letter.headers if not header[0].startswith(_HEADER_PREFIX))
    return (letter.key, letter.value, own) == (record.key, record.value, record.headers)


def _place(record: LoggedRecord) -> Place | None:
    """Return the place of this outcome's post, or None if the outcome does not name it."""
    if record.topic != DEAD:
        return _origin(record.value)
    headers = dict(record.headers)
    if headers.get("tocsin-topic") != POSTS.encode():
        return _origin(record.value)
    return int(headers["tocsin-partition"]), int(headers["tocsin-offset"])


def _origin(value: bytes | None) -> Place | None:
    try:
        origin = json.loads(value or b"null")["origin"]
        return origin["partition"], origin["offset"]
    except (ValueError, TypeError, KeyError):
        return None


def _id_in(value: bytes) -> bytes | None:
    try:
        return str(json.loads(value)["id"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


SCENARIOS = (
    Scenario(
        name="fuzz",
        title="fuzzed records among good posts",
        bar_text="every good one processed, every bad one dead-lettered with its exact bytes",
        bar=Bar(unknown=None),
        apply=nothing,
        num_posts=7_150,  # five thousand of them fuzzed
        records=make_records,
        check=check,
    ),
)
