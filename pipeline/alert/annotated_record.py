"""A record of `posts.annotated`, decoded for the alert agent."""

from __future__ import annotations

from dataclasses import replace

import orjson

from pipeline.errors import InvalidMessageError
from pipeline.messages import AnnotatedPost
from pipeline.messages.dead_letter import DeadLetter, decode_or_bury
from pipeline.messages.record import Record

# Our own messages: a post within its limit, its entities, and what JSON escaping may add.
_MAX_BYTES = 8 * 2**20


def decode_annotated(record: Record) -> AnnotatedPost | DeadLetter:
    """Return the annotated post, or the record's dead letter.

    One that is right but for its `stages` loses these: how long others took is no ground to withhold an alert.
    """
    post = decode_or_bury(record, AnnotatedPost, max_bytes=_MAX_BYTES)
    if not isinstance(post, DeadLetter) or post.reason != InvalidMessageError.reason:
        return post
    again = decode_or_bury(
        replace(record, value=_without_stages(record.value)), AnnotatedPost, max_bytes=_MAX_BYTES
    )
    return post if isinstance(again, DeadLetter) else again


def _without_stages(value: bytes | None) -> bytes:
    document = orjson.loads(value or b"null")
    if isinstance(document, dict) and "stages" in document:
        document["stages"] = []
    return orjson.dumps(document)
