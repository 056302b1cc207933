import unicodedata
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import ReadPost
from pipeline.formats.reader import PostReader
from pipeline.messages import AnnotatedPost, Post
from pipeline.messages.codec import decode
from pipeline.messages.unknown_fields import MAX_NAMES, POST_FIELDS, UnknownFields, keep_unknown_fields
from pipeline.settings import Settings
from tests.pipeline.fakes import make_annotated_post


def _read(**fields: Any) -> tuple[Post, dict[str, Any]]:
    unknown: dict[str, Any] = {}
    reader = PostReader.of(Settings(max_post_bytes=900_000), on_unknown=unknown.update)
    [read] = reader.read(orjson.dumps({"id": "1", "text": "x", **fields}))
    assert isinstance(read, ReadPost)
    return read.post, unknown


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
    """They keep their names, and a name already in the metadata stays. A post without other fields is unchanged."""
    post, reported = _read(**fields)
    assert (post.metadata, reported) == (metadata, unknown)
    assert post.text == "x"


@given(st.dictionaries(st.text(), st.none() | st.integers(0, 9) | st.text(), max_size=8))
def test_no_field_of_a_post_vanishes(fields: dict[str, Any]) -> None:
    """Every field of the object is a field of the post or in its metadata."""
    others = {name: value for name, value in fields.items() if name not in POST_FIELDS}
    assert _read(**others)[0].metadata == (others or None)


@pytest.mark.parametrize("metadata", [[], "x", 0, False])
def test_metadata_that_is_not_an_object_is_kept_beside_them(metadata: Any) -> None:
    """It lies under its own name."""
    post, unknown = _read(likes=3, metadata=metadata)
    assert post.metadata == {"likes": 3, "metadata": metadata}
    assert unknown == {"likes": 3}


@pytest.mark.parametrize("document", [None, 1, "x", [], [{"a": 1}]])
def test_a_document_that_is_not_an_object_is_left_alone(document: Any) -> None:
    """The decoder reports the mistake."""
    assert keep_unknown_fields(document) == {}


def test_unknown_fields_of_a_bad_post_are_not_reported() -> None:
    """A record that becomes a dead letter keeps its own bytes."""
    reported: list[dict[str, Any]] = []
    with pytest.raises(InvalidMessageError):
        PostReader.of(Settings(), on_unknown=reported.append).read(b'{"id": "1", "texte": "x"}')
    assert reported == []


def test_unknown_fields_of_other_messages_are_dropped() -> None:
    """A later version may write more, in the message and in its post."""
    annotated = make_annotated_post()
    document = msgspec.to_builtins(annotated)
    document["new"] = document["post"]["new"] = 1
    assert decode(orjson.dumps(document), AnnotatedPost, max_bytes=10**6) == annotated


def test_each_unknown_name_is_reported_once() -> None:
    """Names are reported in the order in which they are first seen."""
    reported: list[str] = []
    unknown = UnknownFields(reported.append)
    assert not unknown
    for names in (["likes", "txt"], ["txt"], ["ups", "likes"]):
        unknown.note(names)
    assert reported == ["likes", "txt", "ups"]
    assert str(unknown) == "likes, txt, ups"
    assert unknown


def test_many_unknown_names_fill_neither_log_nor_memory() -> None:
    """Of ten thousand names in each of many posts a hundred are reported, then one line says that there are more."""
    reported: list[str] = []
    unknown = UnknownFields(reported.append)
    for post in range(50):
        unknown.note(f"name {post} {n}" for n in range(10_000))
    assert len(reported) == MAX_NAMES + 1
    assert reported[-1] == "more than 100 names; further names are not reported"
    assert str(unknown).endswith("name 0 9, and more than 90 more")


def test_long_and_hostile_names_are_shown_by_their_beginning() -> None:
    """A name of 60 KB is cut to 60 characters, and no name can control a terminal or forge a line."""
    reported: list[str] = []
    unknown = UnknownFields(reported.append)
    unknown.note(["a" * 60_000, "a" * 60_001, "\x1b[31m\nred\u202e", ""])
    assert reported == ["a" * 59 + "…", "\\x1b[31m red\\u202e", ""]
    assert all(unicodedata.category(c)[0] != "C" for c in str(unknown))
