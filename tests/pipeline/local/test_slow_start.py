from functools import partial
from pathlib import Path

import pytest

from pipeline.local.slow_start import SlowStart, last_line


def _slow(*, first_seconds: float = 0.0, again_seconds: float = 0.0) -> tuple[SlowStart, list[str]]:
    said: list[str] = []
    return SlowStart("alert", said.append, first_seconds=first_seconds, again_seconds=again_seconds), said


def test_what_comes_up_in_time_is_not_spoken_of() -> None:
    """Before the first seconds are over nothing is said."""
    slow, said = _slow(first_seconds=60.0)
    slow.note(_must_not_be_asked)
    assert said == []


def _must_not_be_asked() -> str:
    raise AssertionError("looking costs something")


def test_a_reason_is_said_once_and_another_one_again() -> None:
    """A line for each change, however often it is noted."""
    slow, said = _slow()
    for reason in ("loading", "loading", "no topic", "no topic", "loading"):
        slow.note(partial(str, reason))
    assert said == [f"alert is not ready yet: {reason}" for reason in ("loading", "no topic", "loading")]


def test_reasons_that_change_all_the_time_do_not_fill_the_screen() -> None:
    """After a line some seconds pass before the next, and a long reason is cut."""
    slow, said = _slow(again_seconds=60.0)
    slow.note(lambda: "x" * 1000)
    for _ in range(5):
        slow.note(_must_not_be_asked)
    assert len(said) == 1
    assert len(said[0]) < 300


def test_nothing_new_is_not_looked_for_all_the_time() -> None:
    """A reason that stays is looked at now and then."""
    slow, said = _slow(again_seconds=60.0)
    slow.note(lambda: "loading")
    slow._next = 0.0
    slow.note(lambda: "loading")
    slow.note(_must_not_be_asked)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (None, "it says nothing so far"),
        ("\n\n", "it says nothing so far"),
        ("a\nb\n\n", "it says: b"),
        ("é" * 100_000 + "\nb\n", "it says: b"),
    ],
)
def test_a_process_is_quoted_by_its_last_line(log: str | None, said: str, tmp_path: Path) -> None:
    """Empty lines are none."""
    file = tmp_path / "log"
    if log is not None:
        file.write_text(log)
    assert last_line(file) == said
