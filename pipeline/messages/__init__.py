"""What travels over the topics: as types, and as bytes.

- `post`: a post, and a post with what the network found in it
- `alert`: an alert or an abstention, and what made it
- `cursor`: how far a live source has been read
- `dead_letter`: a record that could not be processed, and its headers
- `record`: a Kafka record as it was read, and a record to publish
- `headers`: which headers travel from a record to its outcome
- `codec`: messages to bytes and back, and which JSON is refused
- `unknown_fields`: fields that a post does not define: kept in its metadata, and their names reported
- `stopwatch`: how long a stage took
- `json_schema`: writes the JSON Schemas in schemas/

Other rooms import the types of `post.py` and `alert.py` from here.
"""

from pipeline.messages.alert import (
    Abstention,
    AbstentionReason,
    Alert,
    Provenance,
    SelectionMethod,
    outcome_id,
)
from pipeline.messages.post import (
    MAX_ENTITIES,
    AnnotatedPost,
    CheckpointRef,
    Entity,
    Origin,
    Post,
    ReadAs,
    Sentiment,
    StageTime,
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
    "ReadAs",
    "SelectionMethod",
    "Sentiment",
    "StageTime",
    "outcome_id",
]
