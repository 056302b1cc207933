"""Fuzzed records, and how the harness judges their outcomes."""

import json
import random

import pytest

from tests.chaos.faults.fuzz import follow_fuzz
from tests.chaos.fuzz_records import is_surely_bad, make_fuzz
from tests.chaos.kafka_log import ALERTS, DEAD, LoggedRecord
from tests.chaos.load import Produced, ToProduce

_POST = json.dumps({"id": "f", "text": "Fire in Athens"}).encode()
_BROKEN = b'{"id": "f", "text"'
_HEADERS = (("fuzz", b"1"),)
_TOCSIN = (("tocsin-topic", b"posts"), ("tocsin-partition", b"2"), ("tocsin-offset", b"7"))


def _produced(value: bytes) -> list[Produced]:
    return [Produced(ToProduce(None, value, b"fuzz-1", _HEADERS), partition=2, offset=7)]


def _letter(value: bytes, headers: tuple[tuple[str, bytes], ...] = _HEADERS + _TOCSIN) -> LoggedRecord:
    return LoggedRecord(DEAD, 0, 0, 0.0, b"fuzz-1", value, headers)


def _alert(offset: int = 7) -> LoggedRecord:
    origin = {"topic": "posts", "partition": 2, "offset": offset}
    return LoggedRecord(ALERTS, 0, 0, 0.0, b"f", json.dumps({"origin": origin}).encode())


def test_fuzz_is_the_same_for_the_same_seed_and_has_good_and_bad_records() -> None:
    """A failure can be run again, and both kinds of records occur."""
    records = make_fuzz(300, random.Random(5))
    assert records == make_fuzz(300, random.Random(5))
    assert len({record.key for record in records}) == 300
    num_bad = sum(is_surely_bad(record.value) for record in records)
    assert 100 < num_bad < 290


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"id": "a"}',
        b'{"id": 1, "text": "x"}',
        b'{"id": "", "text": "x"}',
        json.dumps({"id": "a" * 513, "text": "x"}).encode(),
        json.dumps({"id": "a", "text": "x" * 70_000}).encode(),
    ],
)
def test_a_record_that_breaks_a_rule_is_surely_bad(value: bytes) -> None:
    """Each of them breaks a rule of docs/messages.md or docs/security.md."""
    assert is_surely_bad(value)


@pytest.mark.parametrize("value", [_POST, b'{"id": "a", "text": "x", "n": ' + b"9" * 5_000 + b"}"])
def test_a_record_that_may_be_a_post_is_not_surely_bad(value: bytes) -> None:
    """A limit of Python's own reader makes no record bad."""
    assert not is_surely_bad(value)


def test_processed_posts_and_exact_dead_letters_are_as_they_should_be() -> None:
    """A post is processed, and a broken record is in a dead letter with everything it had."""
    assert follow_fuzz(_produced(_POST), [_alert()]).broken == ()
    letters = follow_fuzz(_produced(_BROKEN), [_letter(_BROKEN)])
    assert letters.broken == ()
    assert letters.notes == {"fuzzed dead-lettered with their exact bytes, key and headers": 1}


def test_a_dead_letter_of_the_second_agent_is_found_by_its_origin() -> None:
    """Such a letter holds the annotated post, which names the record."""
    headers = (("tocsin-topic", b"posts.annotated"), ("tocsin-partition", b"0"), ("tocsin-offset", b"0"))
    findings = follow_fuzz(_produced(_POST), [_letter(_alert().value or b"", headers)])
    assert findings.broken == ("1 fuzzed records dead-lettered, but not as they were",)


@pytest.mark.parametrize(
    ("value", "records", "words"),
    [
        (_BROKEN, [], "without an outcome"),
        (_BROKEN, [_alert()], "processed that are no posts"),
        (_BROKEN, [_letter(_BROKEN + b" ")], "not as they were"),
        (_BROKEN, [_letter(_BROKEN, _TOCSIN)], "not as they were"),
        (_POST, [_letter(_POST + b" ")], "not as they were"),
    ],
)
def test_a_wrong_end_of_a_record_is_reported(value: bytes, records: list[LoggedRecord], words: str) -> None:
    """A record may be lost, taken for a post, or dead-lettered with other bytes or without its headers."""
    (breach,) = follow_fuzz(_produced(value), records).broken
    assert words in breach


def test_a_record_with_an_id_that_another_had_is_not_lost() -> None:
    """Each post gets one outcome: of two records of a post the pipeline may skip the second."""
    assert follow_fuzz(_produced(_POST), [_alert(offset=8)]).broken == ()
