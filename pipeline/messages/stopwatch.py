"""How long a stage took. Every duration in a message is measured here."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from pipeline.messages.post import StageTime


class Stopwatch:
    """Starts when it is made. The wall clock gives the start; a monotonic clock gives durations."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start, never negative."""
        return time.monotonic() - self._began

    def stage(self, name: str) -> StageTime:
        """Return the stage of this name; it ends now."""
        return StageTime(name=name, started_at=self.started_at, seconds=self.seconds)
