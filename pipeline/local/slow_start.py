"""Reports what a part of the local stack waits for if it takes long to start, but not too often."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.printable import escape_unprintable

FIRST_SECONDS = 5.0
AGAIN_SECONDS = 20.0
_LOOK_SECONDS = 1.0  # between two looks for a new reason
_TAIL_BYTES = 4_096  # at the end of a log, in which its last line is looked for
_MAX_CHARACTERS = 200


class SlowStart:
    """Reports what one part waits for: once after some seconds, and again if that has changed.

    Args:
        name: the part's name.
        report: called with each line.
    """

    def __init__(
        self,
        name: str,
        report: Callable[[str], None],
        *,
        first_seconds: float | None = None,
        again_seconds: float | None = None,
    ) -> None:
        self._name = name
        self._report = report
        self._again_seconds = AGAIN_SECONDS if again_seconds is None else again_seconds
        self._next = time.monotonic() + (FIRST_SECONDS if first_seconds is None else first_seconds)
        self._reported = ""

    def note(self, explain: Callable[[], str]) -> None:
        """Note that the part is not ready yet. `explain` gives the reason; it is called only if a line is due.

        If the reason is not new, it is called again after a while.
        """
        now = time.monotonic()
        if now < self._next:
            return
        reason = explain()
        if reason == self._reported and self._reported:
            self._next = now + min(_LOOK_SECONDS, self._again_seconds)
            return
        self._next, self._reported = now + self._again_seconds, reason
        self._report(f"{self._name} is not ready yet: {reason[:_MAX_CHARACTERS]}")


def last_line(log_file: Path) -> str:
    """Return the last line of a process's log, or that there is none."""
    lines = _tail(log_file).decode(errors="replace").splitlines() if log_file.exists() else []
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"it says: {text}" if text else "it says nothing so far"


def _tail(file: Path) -> bytes:
    with file.open("rb") as log:
        log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
        return log.read()


def say_nothing(_: str) -> None:
    """Drop the report."""


def say_on_stderr(step: str) -> None:
    """Report on standard error; the results go to standard output."""
    print(f"… {escape_unprintable(step)}", file=sys.stderr, flush=True)
