"""Messages as they lie on the topics, for the tests of schemas: valid, hostile and invalid ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from pipeline.errors import UndecodableError
from pipeline.messages import Post
from pipeline.messages.codec import decode, encode
from pipeline.messages.cursor import Cursor
from pipeline.messages.dead_letter import to_dead_letter
from tests.pipeline.fakes import make_abstention, make_alert, make_annotated_post, make_record
from tests.pipeline.hostile_posts import GOOD, INVALID, MAX_BYTES, RECORDS

NAMES = ("post", "annotated_post", "alert", "abstention", "dead_letter", "cursor")  # of the schemas
_CURSOR = Cursor(source="bluesky:1", cursor="1700000000000000", updated_at=datetime(2026, 1, 1, tzinfo=UTC))
Message = tuple[str, Any]  # the name of its schema, and the message


def good_messages() -> Iterator[Message]:
    """Give every kind of message, made from every record that a stranger may send."""
    for value, reason in RECORDS.values():
        if reason == GOOD:
            yield "post", orjson.loads(value or b"")
            yield from _messages_of(decode(value, Post, max_bytes=MAX_BYTES))
        letter = to_dead_letter(make_record(value), UndecodableError("not JSON: \x1b[31m"), stage="decode")
        yield "dead_letter", orjson.loads(encode(letter))
    yield "cursor", orjson.loads(encode(_CURSOR))


def _messages_of(post: Post) -> Iterator[Message]:
    annotated = msgspec.structs.replace(make_annotated_post(), post=post)
    for name, message in (
        ("post", post),
        ("annotated_post", annotated),
        ("alert", make_alert(annotated)),
        ("abstention", make_abstention(annotated)),
    ):
        yield name, orjson.loads(encode(message))


def wrong_messages() -> Iterator[Message]:
    """Give messages that every reader must refuse: parts missing or of another type, and posts that we refuse."""
    for value, reason in RECORDS.values():
        if reason == INVALID:
            yield "post", orjson.loads(value or b"")
    for name, message in dict(_messages_of(Post(id="1", text="Fire in Athens"))).items():
        for key, part in message.items():
            yield name, {**message, key: [part]}
            if key not in ("confidence", "doubted", "degraded", "metadata", "read_as", "language"):
                yield name, {k: v for k, v in message.items() if k != key}
    yield "alert", _alert(confidence=1.5)
    yield "abstention", {**dict(_messages_of(Post(id="1", text="")))["abstention"], "confidence": -0.5}
    yield "alert", _alert(sentiment={"label": "negative", "score": -0.1})
    yield "alert", _alert(entity_start=-1)
    yield "abstention", {**dict(_messages_of(Post(id="1", text="")))["abstention"], "reason": "no_reason"}
    cursor = orjson.loads(encode(_CURSOR))
    for key in cursor:
        yield "cursor", {**cursor, key: 1}
        yield "cursor", {k: v for k, v in cursor.items() if k != key}
    letter = orjson.loads(encode(to_dead_letter(make_record(b"{"), UndecodableError("no"), stage="decode")))
    yield "dead_letter", {**letter, "headers": [["trace"]]}
    yield "dead_letter", {**letter, "headers": [["trace", None, None]]}
    yield "dead_letter", {**letter, "attempt": 0}


def _alert(**changes: Any) -> Any:
    return {**dict(_messages_of(Post(id="1", text="Fire in Athens")))["alert"], **changes}
