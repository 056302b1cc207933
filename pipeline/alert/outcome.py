"""One post's way to its outcome: what is known while its alert is written, and the message at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from models.prompts.plain_text import seen
from pipeline.alert.candidates import Candidate, CheckedSample
from pipeline.alert.selection.selector import Selection
from pipeline.errors import InvalidMessageError
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    Provenance,
    SelectionMethod,
    Sentiment,
    StageTime,
    outcome_id,
)
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
    samples: tuple[CheckedSample, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: int | None = None
    method: SelectionMethod | None = None
    times: tuple[StageTime, ...] = ()


class Attempt:
    """The attempt to write a post's alert: every stage adds what it has found, and how long it took.

    Attributes:
        llm: the model that wrote the samples; None if it was not asked.
        candidate_prompt: the version of the prompt of the samples; None if the LLM was not asked.
        selection_prompt: the version of the prompt of the selection; None if the LLM was not asked to select.
    """

    def __init__(self, post: AnnotatedPost) -> None:
        self.post = post
        self.llm: str | None = None
        self.candidate_prompt: str | None = None
        self.selection_prompt: str | None = None
        self.samples: tuple[CheckedSample, ...] = ()
        self.candidates: tuple[Candidate, ...] = ()
        self.selection: Selection | None = None
        self._times: list[StageTime] = []

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        """Append the time that the enclosed work takes."""
        stopwatch = Stopwatch()
        yield
        self._times.append(stopwatch.stage(name))

    def make_alert(self, chosen: Candidate, sentiment: Sentiment) -> AlertResult:
        """Return the result with an alert of this candidate; the alert is marked as degraded if no LLM was asked."""
        post, entity = self.post, chosen.entity
        alert = Alert(
            id=outcome_id(post.post.id),
            alert=_readable(chosen),
            theme=chosen.theme,
            entity=entity.text,
            entity_type=entity.type,
            entity_start=entity.start,
            entity_end=entity.end,
            confidence=self.selection.confidence if self.selection else None,
            degraded=self.llm is None,
            sentiment=sentiment,
            post=post.post,
            origin=post.origin,
            provenance=self._provenance(),
            stages=[*post.stages, *self._times],
        )
        return self._end(alert)

    def doubt(self, chosen: Candidate) -> AlertResult:
        """Return the result with an abstention that says which alert was held back, and how sure it was."""
        return self.abstain(AbstentionReason.DOUBTFUL, doubted=chosen)

    def abstain(self, reason: AbstentionReason, *, doubted: Candidate | None = None) -> AlertResult:
        """Return the result with an abstention that says why the post has no alert."""
        post = self.post
        abstention = Abstention(
            id=outcome_id(post.post.id),
            reason=reason,
            post=post.post,
            origin=post.origin,
            provenance=self._provenance(),
            stages=[*post.stages, *self._times],
            doubted=_readable(doubted) if doubted else None,
            confidence=self.selection.confidence if doubted and self.selection else None,
        )
        return self._end(abstention)

    def _provenance(self) -> Provenance:
        return Provenance(
            checkpoint=self.post.checkpoint,
            llm=self.llm,
            candidate_prompt=self.candidate_prompt,
            selection_prompt=self.selection_prompt,
            num_sampled=len(self.samples),
            num_valid=len(self.candidates),
            selected_by=self.selection.method if self.selection else None,
            read_as=self.post.read_as,
        )

    def _end(self, outcome: Alert | Abstention) -> AlertResult:
        return AlertResult(
            outcome=outcome,
            samples=self.samples,
            candidates=self.candidates,
            chosen=self.selection.index if self.selection else None,
            method=self.selection.method if self.selection else None,
            times=tuple(self._times),
        )


def _readable(candidate: Candidate) -> str:
    """Return the alert for people: an entity may hold references, line breaks or characters that steer a terminal."""
    return f"{candidate.theme}: {seen(candidate.entity.text)}"


def degraded_alert(post: AnnotatedPost) -> AlertResult:
    """Return an alert that says only what the network found: its surest entity, and the post's sentiment.

    The settings say whether such alerts are published while the LLM is away. The theme ("Negative mention") names no
    event, because nothing has read the post for one.

    Raises:
        InvalidMessageError: the post has no entity or no sentiment, and no LLM would have been asked about it.
    """
    if not post.entities or post.sentiment is None:
        raise InvalidMessageError("an alert without an LLM needs an entity and a sentiment")
    theme = f"{post.sentiment.label.capitalize()} mention"
    surest = max(post.entities, key=lambda entity: entity.score)
    return Attempt(post).make_alert(Candidate(theme, surest), post.sentiment)
