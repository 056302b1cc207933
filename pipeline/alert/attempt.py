"""One post's way to its outcome: what is known of it so far, and in the end all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pipeline.alert.candidates import Candidate, JudgedSample
from pipeline.alert.selection import Selection
from pipeline.messages import Abstention, Alert, AnnotatedPost, SelectionMethod, StageTime
from pipeline.messages.stopwatch import Stopwatch

StageName = Literal["sample", "filter", "select"]


@dataclass(frozen=True)
class Generation:
    """An outcome and the way to it, for metrics and `tocsin try`."""

    outcome: Alert | Abstention
    samples: tuple[JudgedSample, ...]
    candidates: tuple[Candidate, ...]  # distinct, in the order in which the LLM saw them
    chosen: int | None  # index of the published candidate
    method: SelectionMethod | None
    times: tuple[StageTime, ...] = ()  # of our own stages; those in the outcome may be a stranger's words


class Attempt:
    """An alert in the making: what is known so far, and how long each stage took."""

    def __init__(self, post: AnnotatedPost) -> None:
        self.post = post
        self.samples: tuple[JudgedSample, ...] = ()
        self.candidates: tuple[Candidate, ...] = ()
        self.selection: Selection | None = None
        self.times: list[StageTime] = []

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        """Append the time of what runs inside."""
        stopwatch = Stopwatch()
        yield
        self.times.append(stopwatch.stage(name))

    def end(self, outcome: Alert | Abstention) -> Generation:
        """Return the outcome and the way to it."""
        selection = self.selection
        return Generation(
            outcome,
            self.samples,
            self.candidates,
            selection.index if selection else None,
            selection.method if selection else None,
            tuple(self.times),
        )
