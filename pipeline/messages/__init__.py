"""What travels over the topics, as types and as bytes."""

from pipeline.messages.post import (
    MAX_ENTITIES,
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    CheckpointRef,
    Entity,
    Origin,
    Post,
    Provenance,
    SelectionMethod,
    Sentiment,
    StageTime,
    outcome_id,
)

__all__ = [
    "MAX_ENTITIES",
    "Abstention",
    "AbstentionReason",
    "Alert",
    "AnnotatedPost",
    "CheckpointRef",
    "Entity",
    "Origin",
    "Post",
    "Provenance",
    "SelectionMethod",
    "Sentiment",
    "StageTime",
    "outcome_id",
]
