"""What travels on the topics, as types. `python -m pipeline.messages.json_schema` writes the JSON Schema of each.

    posts ── Post ──► posts.annotated ── AnnotatedPost ──► alerts            Alert
                 │                                    ├──► alerts.abstained  Abstention
                 └──────────────► posts.dead ◄────────┘                      the record's own bytes (dead_letter.py)

Every record but a dead letter is one JSON object in UTF-8 under the post's id as key. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

# Outcome ids are UUIDv5 under this namespace: the same post always yields the same id, in any deployment.
_OUTCOME_NAMESPACE = uuid.UUID("5f3c1f0e-7d5b-5c55-9b7a-3a1f6f0c2d11")

# The network finds at most one entity a token; a text of names only is spam, and an alert needs one of them.
MAX_ENTITIES = 128

# Ids become keys, file names, lines in shells: no control character, line break, or one that hides or reorders others.
# (Not "$", which Python also finds before a last line feed.)
_PLAIN = (
    r"^[^\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]*"
    r"(?![\s\S])"
)

PostId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=512,
        pattern=_PLAIN,
        description="unique id of the post; the record's key",
    ),
]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Offset = Annotated[int, Meta(ge=0)]


class AbstentionReason(StrEnum):
    """Why a post got no alert (the paper's NO VALID ALERT, told apart)."""

    NO_TEXT = "no_text"
    NO_ENTITY = "no_entity"
    NO_VALID_CANDIDATE = "no_valid_candidate"
    NONE_SELECTED = "none_selected"


class SelectionMethod(StrEnum):
    """How the published alert was chosen among the valid candidates."""

    ONLY_CANDIDATE = "only_candidate"
    LLM = "llm"
    LLM_WORDS = "llm_words"  # it named no number but repeated one option
    MAJORITY = "majority"
    LIKELIHOOD = "likelihood"
    FIRST = "first"
    MAJORITY_FALLBACK = "majority_fallback"  # the LLM named no option, or the server gives no likelihood


class Post(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One social-media post as a user produces it. Other fields are kept in `metadata`, unless it has the name."""

    id: PostId
    text: Annotated[str, Meta(description="the post as written; may be empty")]
    created_at: str | None = None
    lang: str | None = None
    source: str | None = None
    author: str | None = None
    url: str | None = None
    metadata: Annotated[dict[str, Any], Meta(description="untouched; gets other fields")] | None = None


class Entity(Struct, frozen=True, kw_only=True):
    """A named entity found by the network; `text == post.text[start:end]`."""

    text: str
    type: Annotated[str, Meta(description="one of the checkpoint's entity types: LOC, MISC, ORG, PER")]
    start: Annotated[Offset, Meta(description="character offset into the post's text")]
    end: Annotated[Offset, Meta(description="character offset after the last character")]
    score: Annotated[Probability, Meta(description="the network's probability for the whole span")]


class Sentiment(Struct, frozen=True, kw_only=True):
    """The network's sentiment for the whole post."""

    label: Annotated[str, Meta(description="one of the checkpoint's labels: negative, neutral, positive")]
    score: Probability


class CheckpointRef(Struct, frozen=True, kw_only=True):
    """Which trained network annotated the post, and by whose annotation guidelines."""

    name: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    guidelines: (
        Annotated[
            str, Meta(description="the corpus that they are of, or none; null where nobody wrote it down")
        ]
        | None
    ) = None


class Origin(Struct, frozen=True, kw_only=True):
    """Where the post lay: topic, partition and offset of its record."""

    topic: str
    partition: int
    offset: int


class StageTime(Struct, frozen=True, kw_only=True):
    """One stage of a post's way: when it began and how long the post (or the batch it was in) took."""

    name: Annotated[str, Meta(description="annotate, sample, filter or select")]
    started_at: datetime
    seconds: Annotated[float, Meta(ge=0.0)]


class AnnotatedPost(Struct, frozen=True, kw_only=True):
    """A post with what the network found in it."""

    post: Post
    entities: Annotated[
        list[Entity], Meta(max_length=MAX_ENTITIES, description="the most certain, in the order of the text")
    ]
    sentiment: Annotated[Sentiment, Meta(description="absent where the post has no token at all")] | None
    checkpoint: CheckpointRef
    origin: Origin
    stages: list[StageTime]


class Provenance(Struct, frozen=True, kw_only=True):
    """What made an alert or an abstention, so that it can be explained and made again."""

    checkpoint: CheckpointRef
    llm: Annotated[str, Meta(description="model name as the LLM server gives it")] | None
    candidate_prompt: Annotated[str, Meta(description="name and version, e.g. candidate-v1")] | None
    selection_prompt: str | None
    num_sampled: Annotated[int, Meta(ge=0, description="samples the LLM returned")]
    num_valid: Annotated[int, Meta(ge=0, description="distinct candidates that passed every filter")]
    selected_by: SelectionMethod | None


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
                description="probability of this alert among its candidates, by the LLM or by the share of its "
                "samples; null where there was nothing to choose or nobody says"
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


def outcome_id(post_id: str) -> str:
    """Return the id that the alert or abstention of this post has, now and after any redelivery."""
    return str(uuid.uuid5(_OUTCOME_NAMESPACE, post_id))
