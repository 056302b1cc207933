"""An alert or an abstention, and what made it: the messages on `alerts` and `alerts.abstained`."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.messages.post import (
    CheckpointRef,
    Offset,
    Origin,
    Post,
    Probability,
    ReadAs,
    Sentiment,
    StageTime,
)

# Outcome ids are UUIDv5 under this namespace: the same post always yields the same id, in any deployment.
_OUTCOME_NAMESPACE = uuid.UUID("5f3c1f0e-7d5b-5c55-9b7a-3a1f6f0c2d11")


class AbstentionReason(StrEnum):
    """Why a post got no alert (the paper's NO VALID ALERT, split by reason)."""

    NO_TEXT = "no_text"
    LANGUAGE = "language"  # of a language that the network does not know
    NO_ENTITY = "no_entity"
    NO_VALID_CANDIDATE = "no_valid_candidate"
    NONE_SELECTED = "none_selected"
    DOUBTFUL = "doubtful"  # the best alert has less than the least confidence that the settings ask for


class SelectionMethod(StrEnum):
    """How the published alert was chosen among the valid candidates."""

    ONLY_CANDIDATE = "only_candidate"
    LLM = "llm"
    LLM_WORDS = "llm_words"  # it named no number but repeated one option
    MAJORITY = "majority"
    LIKELIHOOD = "likelihood"
    FIRST = "first"
    JUDGE = "judge"  # the candidate that is most probably true by the post
    JUDGE_FALLBACK = "judge_fallback"  # no verdict could be had: the likeliest candidate
    MAJORITY_FALLBACK = "majority_fallback"  # the LLM named no option, or the server gives no likelihood


class Provenance(Struct, frozen=True, kw_only=True):
    """What made an alert or an abstention, so that it can be explained and made again."""

    checkpoint: CheckpointRef
    llm: Annotated[str, Meta(description="model name as the LLM server gives it")] | None
    candidate_prompt: Annotated[str, Meta(description="name and version, e.g. candidate-v1")] | None
    selection_prompt: str | None
    num_sampled: Annotated[int, Meta(ge=0, description="samples the LLM returned")]
    num_valid: Annotated[int, Meta(ge=0, description="distinct candidates that passed every filter")]
    selected_by: SelectionMethod | None
    read_as: ReadAs | None = None


class Alert(Struct, frozen=True, kw_only=True):
    """A published alert, `theme: entity`."""

    id: Annotated[str, Meta(description="UUIDv5 of the post's id: a redelivered post yields the same")]
    alert: Annotated[str, Meta(description="theme and entity, as shown to people")]
    theme: Annotated[str, Meta(description="one to three words")]
    entity: Annotated[str, Meta(description="an entity of the post, verbatim")]
    entity_type: str
    entity_start: Offset
    entity_end: Offset
    confidence: (
        Annotated[
            Probability,
            Meta(
                description="selected by judge: calibrated probability that the alert is right; otherwise its "
                "probability among its candidates, by the LLM or by the share of its samples; null if there was "
                "nothing to choose or it is not known"
            ),
        ]
        | None
    ) = None
    sentiment: Sentiment
    post: Post
    origin: Origin
    provenance: Provenance
    stages: list[StageTime]
    degraded: Annotated[
        bool,
        Meta(description="made without an LLM, which was away for long: entity and sentiment, no event"),
    ] = False


class Abstention(Struct, frozen=True, kw_only=True):
    """A post that got no alert, and why."""

    id: Annotated[str, Meta(description="UUIDv5 of the post's id: a redelivered post yields the same")]
    reason: AbstentionReason
    post: Post
    origin: Origin
    provenance: Provenance
    stages: list[StageTime]
    doubted: Annotated[str, Meta(description="reason doubtful: the alert that was held back")] | None = None
    confidence: Annotated[Probability, Meta(description="reason doubtful: of that alert")] | None = None


def outcome_id(post_id: str) -> str:
    """Return the id that the alert or abstention of this post has, now and after any redelivery."""
    return str(uuid.uuid5(_OUTCOME_NAMESPACE, post_id))
