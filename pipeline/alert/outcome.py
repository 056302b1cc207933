"""The messages at the end of a post's way: an alert, an abstention, or an alert without an LLM."""

from __future__ import annotations

from models.prompts.plain_text import visible
from pipeline.alert.attempt import AlertResult, Attempt
from pipeline.alert.candidates import Candidate
from pipeline.errors import InvalidMessageError
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    Provenance,
    Sentiment,
    outcome_id,
)


def build_alert(attempt: Attempt, chosen: Candidate, sentiment: Sentiment) -> Alert:
    """Return the alert that publishes this candidate; it is marked as degraded if no LLM was asked."""
    post, entity = attempt.post, chosen.entity
    return Alert(
        id=outcome_id(post.post.id),
        # For people: an entity may hold line breaks or characters that steer a terminal.
        alert=f"{chosen.theme}: {visible(entity.text)}",
        theme=chosen.theme,
        entity=entity.text,
        entity_type=entity.type,
        entity_start=entity.start,
        entity_end=entity.end,
        confidence=attempt.selection.confidence if attempt.selection else None,
        degraded=attempt.llm is None,
        sentiment=sentiment,
        post=post.post,
        origin=post.origin,
        provenance=_provenance(attempt),
        stages=[*post.stages, *attempt.times],
    )


def build_abstention(attempt: Attempt, reason: AbstentionReason) -> Abstention:
    """Return the abstention that says why the post has no alert."""
    post = attempt.post
    return Abstention(
        id=outcome_id(post.post.id),
        reason=reason,
        post=post.post,
        origin=post.origin,
        provenance=_provenance(attempt),
        stages=[*post.stages, *attempt.times],
    )


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
    attempt = Attempt(post)
    return attempt.end(build_alert(attempt, Candidate(theme, surest), post.sentiment))


def _provenance(attempt: Attempt) -> Provenance:
    return Provenance(
        checkpoint=attempt.post.checkpoint,
        llm=attempt.llm,
        candidate_prompt=attempt.candidate_prompt,
        selection_prompt=attempt.selection_prompt,
        num_sampled=len(attempt.samples),
        num_valid=len(attempt.candidates),
        selected_by=attempt.selection.method if attempt.selection else None,
    )
