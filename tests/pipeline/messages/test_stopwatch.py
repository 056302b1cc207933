"""Durations come from a monotonic clock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pipeline
from pipeline.messages import stopwatch
from pipeline.messages.stopwatch import Stopwatch
from tests.pipeline.samples import ClockSetBack


def test_a_duration_is_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the wall clock meanwhile; that one alone says when the stage began."""
    monkeypatch.setattr(stopwatch, "datetime", ClockSetBack)
    watch = Stopwatch()
    first, second = watch.stage("first"), watch.stage("second")
    assert 0 <= first.seconds <= second.seconds < 60
    assert first.started_at == second.started_at == watch.started_at


def test_stages_are_timed_here_and_nowhere_else() -> None:
    """Another file would have to choose between clocks too."""
    folder = Path(next(iter(pipeline.__path__)))
    making = {file.name for file in folder.rglob("*.py") if re.search(r"\bStageTime\(", file.read_text())}
    assert making == {"post.py", "stopwatch.py"}
