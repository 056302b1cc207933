"""The accountant must be able to fail: whatever is wrong with the outcomes, it has to say so."""

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


def test_all_is_well_where_every_post_has_one_outcome() -> None:
    """Nothing is found where nothing is wrong, whatever the kind of outcome."""
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


def test_two_outcomes_that_say_different_things_are_named() -> None:
    """Whatever their order, and also where most say the same."""
    outcomes = [_outcome("a"), _outcome("a"), _outcome("a", "another"), _outcome("b")]
    assert settle(["a", "b"], outcomes).differing == ("a",)
    assert settle(["a", "b"], reversed(outcomes)).differing == ("a",)


def test_a_dead_letter_is_no_loss_but_is_named() -> None:
    """A post that came to a dead letter is not missing."""
    balance = settle(["a"], [_outcome("a", kind="dead_letter")])
    assert (balance.missing, balance.dead) == ((), ("a",))


def test_an_outcome_of_nobody_s_post_is_unknown_and_makes_up_for_no_loss() -> None:
    """As many outcomes as posts are not enough."""
    balance = settle(["a", "b"], [_outcome("a"), _outcome("x")])
    assert (balance.missing, balance.unknown, balance.num_doubled) == (("b",), ("x",), 0)


def test_times_and_the_last_digits_of_scores_make_no_difference() -> None:
    """A post that was annotated again in another batch says the same."""
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
def test_what_people_are_told_makes_a_difference(changed: dict[str, Any]) -> None:
    """Another alert, id, sentiment or post is another content."""
    assert _read(_ALERT | changed).content != _read(_ALERT).content


def test_an_alert_and_an_abstention_differ() -> None:
    """Even were all fields the same."""
    assert _read(_ALERT, "abstention").content != _read(_ALERT).content


def test_an_outcome_belongs_to_the_post_in_it_and_not_to_its_key() -> None:
    """A wrong key hides no loss; a dead letter may be no JSON, and has only its key."""
    assert _read(_ALERT, key=b"b").post_id == "a"
    letter = LoggedRecord("posts.dead", 0, 0, 5.0, b"b", b"no JSON")
    assert read_outcome(letter, "dead_letter").post_id == "b"


def test_recovery_is_the_longest_silence_after_the_end_of_the_fault() -> None:
    """What was silent before and during it does not count, nor what follows the next fault."""
    faults = [Fault("one", 10.0, 20.0), Fault("two", 40.0, 40.0)]
    published = [1.0, 9.0, 23.0, 24.0, 39.0, 48.0, 49.0]
    assert seconds_to_recover(faults, published) == [15.0, 8.0]


def test_silence_up_to_the_next_fault_counts() -> None:
    """A fault before which nothing has come back does not cut the silence out of the figures."""
    faults = [Fault("one", 10.0, 10.0), Fault("two", 40.0, 40.0)]
    assert seconds_to_recover(faults, [9.0, 41.0]) == [30.0, 1.0]


def test_what_never_comes_back_has_no_seconds_to_recover() -> None:
    """No silence of zero seconds is made up."""
    assert seconds_to_recover([Fault("one", 10.0, 10.0)], [9.0]) == [None]
    assert seconds_to_recover([Fault("one", 10.0, 10.0)], []) == [None]
    assert seconds_to_recover([], [9.0]) == []
