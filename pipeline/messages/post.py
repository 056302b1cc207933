"""A post, and a post with what the network found in it: the messages on `posts` and `posts.annotated`.

    posts ── Post ──► posts.annotated ── AnnotatedPost ──► alerts            Alert
                 │                                    ├──► alerts.abstained  Abstention
                 └──────────────► posts.dead ◄────────┘                      the record's own bytes (dead_letter.py)

Every record except a dead letter is one JSON object in UTF-8. Its key is the post's id. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

# The network finds at most one entity a token. A text with more entities than this is spam; an alert needs one.
MAX_ENTITIES = 128

# Ids become keys, file names and lines in shells. So they hold no control character, no line break, and no character
# that hides or reorders others. (The pattern does not end in "$", which also matches before a final line feed.)
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
        Annotated[str, Meta(description="the corpus that they are of, or none; null if it is not known")]
        | None
    ) = None


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the post lay: topic, partition and offset of its record, and its place if the record held several posts."""

    topic: str
    partition: int
    offset: int
    index: (
        Annotated[
            int, Meta(ge=0, description="place among the posts of one record; absent if it held one post")
        ]
        | None
    ) = None


class ReadAs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As what the record was read: so that no guess about its form is silent."""

    format: Annotated[
        str, Meta(description="x-v2, mastodon, ...: the names of TOCSIN_POST_FORMAT; or mapping")
    ]
    envelopes: Annotated[
        list[str],
        Meta(description="what was opened around the post, from the outside: debezium, cloudevents, ..."),
    ] = []
    changes: Annotated[
        list[str],
        Meta(description="what was changed or dropped to make it a post: id_number, lone_surrogate, ..."),
    ] = []


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
    sentiment: (
        Annotated[
            Sentiment,
            Meta(description="absent if the post has no token, or is of a language that is not annotated"),
        ]
        | None
    )
    checkpoint: CheckpointRef
    origin: Origin
    stages: list[StageTime]
    read_as: ReadAs | None = None
    language: (
        Annotated[str, Meta(description="ISO 639-1 code of the text's language; null: not known")] | None
    ) = None
