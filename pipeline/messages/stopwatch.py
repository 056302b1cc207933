"""How long a stage took: the one place where a duration that leaves the program is measured."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from pipeline.messages.post import StageTime


class Stopwatch:
    """Begins when it is made. The wall clock says when that was; durations are by a clock that nobody sets."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made, never negative."""
        return time.monotonic() - self._began

    def stage(self, name: str) -> StageTime:
        """Return the stage of this name, which ends now."""
        return StageTime(name=name, started_at=self.started_at, seconds=self.seconds)
