"""One post's way to its outcome: what is known so far, and at the end all of it."""

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


@dataclass(frozen=True, kw_only=True)
class AlertResult:
    """An outcome and the way to it, for metrics and `tocsin try`.

    Attributes:
        candidates: each once, in the order in which the LLM saw them.
        chosen: index of the published candidate; None if none is published.
        method: how it was chosen; None if nothing was to be chosen.
        times: of our own stages alone; the outcome also lists the stages of other programs, which may be untrue.
    """

    outcome: Alert | Abstention
    samples: tuple[JudgedSample, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: int | None = None
    method: SelectionMethod | None = None
    times: tuple[StageTime, ...] = ()


class Attempt:
    """The attempt to write a post's alert: every stage adds what it has found, and how long it took.

    Attributes:
        llm: the model that wrote the samples; None if it was not asked.
        candidate_prompt: the version of the prompt of the samples.
        selection_prompt: the version of the prompt of the selection; None if the LLM was not asked to select.
    """

    def __init__(self, post: AnnotatedPost) -> None:
        self.post = post
        self.llm: str | None = None
        self.candidate_prompt: str | None = None
        self.selection_prompt: str | None = None
        self.samples: tuple[JudgedSample, ...] = ()
        self.candidates: tuple[Candidate, ...] = ()
        self.selection: Selection | None = None
        self.times: list[StageTime] = []

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        """Append the time that the enclosed work takes."""
        stopwatch = Stopwatch()
        yield
        self.times.append(stopwatch.stage(name))

    def end(self, outcome: Alert | Abstention) -> AlertResult:
        """Return the outcome and the way to it."""
        selection = self.selection
        return AlertResult(
            outcome=outcome,
            samples=self.samples,
            candidates=self.candidates,
            chosen=selection.index if selection else None,
            method=selection.method if selection else None,
            times=tuple(self.times),
        )
