"""The accountant must be able to fail: it reports everything that is wrong with the outcomes."""

import json
from typing import Any

import pytest

from tests.chaos.account import Fault, Kind, Outcome, read_outcome, seconds_to_recover, settle
from tests.chaos.kafka_log import LoggedRecord

_ALERT: dict[str, Any] = {
    "id": "0f",
    "alert": "Fire: Athens",
    "post": {"id": "a", "text": "Fire in Athens"},
    "sentiment": {"label": "negative", "score": 0.912345},
    "provenance": {"num_valid": 1},
    "stages": [{"name": "sample", "started_at": "2026-01-01T00:00:00Z", "seconds": 0.1}],
}


def _outcome(post_id: str, content: str = "same", kind: Kind = "alert", seconds: float = 0.0) -> Outcome:
    return Outcome(post_id, kind, content, seconds)


def _read(message: dict[str, Any], kind: Kind = "alert", key: bytes = b"a") -> Outcome:
    record = LoggedRecord("alerts", 0, 0, 5.0, key, json.dumps(message).encode())
    return read_outcome(record, kind)


def test_one_outcome_for_each_post_is_a_good_balance() -> None:
    """Nothing is found if nothing is wrong, whatever the kinds of the outcomes."""
    balance = settle(["a", "b"], [_outcome("a"), _outcome("b", kind="abstention")])
    assert (balance.num_posts, balance.missing, balance.num_doubled) == (2, (), 0)
    assert (balance.differing, balance.dead, balance.unknown) == ((), (), ())
    assert balance.kinds == {"alert": 1, "abstention": 1}


def test_a_lost_post_is_missing() -> None:
    """The id that has no outcome is named, however many outcomes others have."""
    balance = settle(["a", "b", "c"], [_outcome("a"), _outcome("a"), _outcome("c")])
    assert balance.missing == ("b",)


def test_a_doubled_post_is_counted_as_often_as_it_is_doubled() -> None:
    """Three outcomes of one post are two too many; equal ones don't differ."""
    balance = settle(["a", "b"], [_outcome("a"), _outcome("b"), _outcome("a"), _outcome("a")])
    assert (balance.num_doubled, balance.differing) == (2, ())


def test_outcomes_of_different_content_are_named() -> None:
    """They are named in whatever order they come, even if most have the same content."""
    outcomes = [_outcome("a"), _outcome("a"), _outcome("a", "another"), _outcome("b")]
    assert settle(["a", "b"], outcomes).differing == ("a",)
    assert settle(["a", "b"], reversed(outcomes)).differing == ("a",)


def test_a_dead_letter_is_not_a_loss_but_is_named() -> None:
    """A post that has a dead letter is not missing."""
    balance = settle(["a"], [_outcome("a", kind="dead_letter")])
    assert (balance.missing, balance.dead) == ((), ("a",))


def test_an_outcome_of_an_unknown_post_makes_up_for_no_loss() -> None:
    """It is not enough to have as many outcomes as posts."""
    balance = settle(["a", "b"], [_outcome("a"), _outcome("x")])
    assert (balance.missing, balance.unknown, balance.num_doubled) == (("b",), ("x",), 0)


def test_times_and_the_last_digits_of_scores_are_not_compared() -> None:
    """A post that was annotated again in another batch has the same content."""
    again = _ALERT | {"stages": [], "sentiment": {"label": "negative", "score": 0.9123449}}
    assert _read(again).content == _read(_ALERT).content


@pytest.mark.parametrize(
    "changed",
    [
        {"alert": "Flood: Athens"},
        {"id": "1f"},
        {"sentiment": {"label": "neutral", "score": 0.912345}},
        {"post": {"id": "a", "text": "Fire in Athens!"}},
    ],
)
def test_another_alert_id_sentiment_or_post_is_another_content(changed: dict[str, Any]) -> None:
    """Each field that people read is part of the content."""
    assert _read(_ALERT | changed).content != _read(_ALERT).content


def test_an_alert_and_an_abstention_differ() -> None:
    """They differ even if all fields are the same."""
    assert _read(_ALERT, "abstention").content != _read(_ALERT).content


def test_an_outcome_belongs_to_the_post_in_it_and_not_to_its_key() -> None:
    """A wrong key hides no loss; a dead letter may not be JSON, and has only its key."""
    assert _read(_ALERT, key=b"b").post_id == "a"
    letter = LoggedRecord("posts.dead", 0, 0, 5.0, b"b", b"no JSON")
    assert read_outcome(letter, "dead_letter").post_id == "b"


def test_recovery_is_the_longest_silence_after_the_end_of_the_fault() -> None:
    """Silence before and during the fault does not count, nor does what follows the next fault."""
    faults = [Fault("one", 10.0, 20.0), Fault("two", 40.0, 40.0)]
    published = [1.0, 9.0, 23.0, 24.0, 39.0, 48.0, 49.0]
    assert seconds_to_recover(faults, published) == [15.0, 8.0]


def test_silence_up_to_the_next_fault_counts() -> None:
    """If no outcome came before the next fault, the silence up to it still counts."""
    faults = [Fault("one", 10.0, 10.0), Fault("two", 40.0, 40.0)]
    assert seconds_to_recover(faults, [9.0, 41.0]) == [30.0, 1.0]


def test_without_an_outcome_after_a_fault_there_is_no_recovery() -> None:
    """The time to recover is then None, not zero seconds."""
    assert seconds_to_recover([Fault("one", 10.0, 10.0)], [9.0]) == [None]
    assert seconds_to_recover([Fault("one", 10.0, 10.0)], []) == [None]
    assert seconds_to_recover([], [9.0]) == []
