"""Durations are told by a clock that nobody sets."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import pipeline
from pipeline.messages import stopwatch
from pipeline.messages.stopwatch import Stopwatch

SET_BACK = timedelta(hours=1)


class ClockSetBack(datetime):
    """A fake of the wall clock that is set back by an hour whenever somebody looks at it."""

    num_looks = 0

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        cls.num_looks += 1
        return datetime(2026, 1, 1, tzinfo=UTC) - cls.num_looks * SET_BACK


def test_a_duration_is_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the wall clock meanwhile; that one alone says when the stage began."""
    monkeypatch.setattr(stopwatch, "datetime", ClockSetBack)
    watch = Stopwatch()
    first, second = watch.stage("first"), watch.stage("second")
    assert 0 <= first.seconds <= second.seconds < 60
    assert first.started_at == second.started_at == watch.started_at


def test_stages_are_timed_here_and_nowhere_else() -> None:
    """A second place would have to know about clocks too."""
    folder = Path(next(iter(pipeline.__path__)))
    making = {file.name for file in folder.rglob("*.py") if re.search(r"\bStageTime\(", file.read_text())}
    assert making == {"post.py", "stopwatch.py"}
