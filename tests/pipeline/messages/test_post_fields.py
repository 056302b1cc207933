from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError
from pipeline.messages import AnnotatedPost, Post
from pipeline.messages.codec import decode
from pipeline.messages.post_fields import POST_FIELDS, keep_unknown_fields
from tests.pipeline.fakes import make_annotated_post


def _decode(**fields: Any) -> tuple[Post, dict[str, Any]]:
    unknown: dict[str, Any] = {}
    value = orjson.dumps({"id": "1", "text": "x", **fields})
    return decode(value, Post, max_bytes=10**6, on_unknown=unknown.update), unknown


@pytest.mark.parametrize(
    ("fields", "metadata", "unknown"),
    [
        ({}, None, {}),
        ({"lang": "en"}, None, {}),
        ({"likes": 3}, {"likes": 3}, {"likes": 3}),
        ({"likes": 3, "metadata": None}, {"likes": 3}, {"likes": 3}),
        ({"likes": 3, "metadata": {}}, {"likes": 3}, {"likes": 3}),
        ({"likes": 3, "metadata": {"desk": [1]}}, {"likes": 3, "desk": [1]}, {"likes": 3}),
        ({"likes": 3, "metadata": {"likes": None}}, {"likes": None}, {"likes": 3}),
        (
            {"": {"a": [None]}, "Text": "y"},
            {"": {"a": [None]}, "Text": "y"},
            {"": {"a": [None]}, "Text": "y"},
        ),
    ],
)
def test_other_fields_are_kept_in_metadata(
    fields: dict[str, Any], metadata: dict[str, Any] | None, unknown: dict[str, Any]
) -> None:
    """They get there under their names; what stands there already stays; a post without any is as it was."""
    post, told = _decode(**fields)
    assert (post.metadata, told) == (metadata, unknown)
    assert post.text == "x"


@given(st.dictionaries(st.text(), st.none() | st.integers(0, 9) | st.text(), max_size=8))
def test_no_field_vanishes(fields: dict[str, Any]) -> None:
    """Every field of the object is either one of the post or in its metadata."""
    others = {name: value for name, value in fields.items() if name not in POST_FIELDS}
    assert _decode(**others)[0].metadata == (others or None)


@pytest.mark.parametrize("metadata", [[], "x", 0, False])
def test_metadata_that_is_no_object_stays_a_mistake(metadata: Any) -> None:
    """It is named as before, whatever else is in the post."""
    with pytest.raises(InvalidMessageError, match=r"Expected `object \| null`.*`\$\.metadata`"):
        _decode(likes=3, metadata=metadata)


@pytest.mark.parametrize("document", [None, 1, "x", [], [{"a": 1}]])
def test_what_is_no_object_is_left_alone(document: Any) -> None:
    """The decoder says what is wrong with it."""
    assert keep_unknown_fields(document) == {}


def test_bad_posts_tell_nothing() -> None:
    """The fields of a record that becomes a dead letter are of no interest."""
    told: list[dict[str, Any]] = []
    with pytest.raises(InvalidMessageError):
        decode(b'{"id": "1", "texte": "x"}', Post, max_bytes=1000, on_unknown=told.append)
    assert told == []


def test_other_messages_keep_to_their_fields() -> None:
    """What a later version of ours writes beside them is dropped, in them and in the post inside."""
    annotated = make_annotated_post()
    document = msgspec.to_builtins(annotated)
    document["new"] = document["post"]["new"] = 1
    assert decode(orjson.dumps(document), AnnotatedPost, max_bytes=10**6) == annotated
