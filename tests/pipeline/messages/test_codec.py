import contextlib

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.messages import AnnotatedPost, Post
from pipeline.messages.codec import decode, encode
from tests.pipeline.fakes import make_annotated_post

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    text=st.text(),
    metadata=st.none() | st.dictionaries(st.text(), _JSON, max_size=4),
    lang=st.none() | st.text(),
)
def test_what_a_user_sends_travels_through_untouched(
    text: str, metadata: dict[str, object], lang: str
) -> None:
    """A post decodes to what was encoded, metadata of any shape included."""
    post = Post(id="p", text=text, lang=lang, metadata=metadata)
    assert decode(encode(post), Post, max_bytes=10**6) == post


def test_an_annotated_post_survives_the_wire() -> None:
    """Times, nested structs and offsets come back as they went."""
    annotated = make_annotated_post()
    assert decode(encode(annotated), AnnotatedPost, max_bytes=10**6) == annotated


@given(st.binary(max_size=200))
def test_any_bytes_are_a_post_or_a_named_error(value: bytes) -> None:
    """No byte string escapes the two error types."""
    with contextlib.suppress(RecordError):
        decode(value, Post, max_bytes=1000)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (b'{"id": "1"}', "missing required field `text`"),
        (b'{"id": 1, "text": "x"}', r"Expected `str`, got `int` - at `\$.id`"),
        (b'{"id": "", "text": "x"}', r"length >= 1 - at `\$.id`"),
        (b'{"id": "1", "text": "x", "metadata": []}', r"at `\$.metadata`"),
        (b"[]", "Expected `object`, got `array`"),
    ],
)
def test_a_wrong_message_is_told_where_it_is_wrong(value: bytes, complaint: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidMessageError, match=complaint):
        decode(value, Post, max_bytes=1000)


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff\xfe", b'{"id": "1", "text": "\\ud800"}', b"x" * 1001]
)
def test_bytes_that_are_no_json_are_undecodable(value: bytes | None) -> None:
    """Nothing, cut-off JSON, bad UTF-8, a lone surrogate and too many bytes have one error type."""
    with pytest.raises(UndecodableError):
        decode(value, Post, max_bytes=1000)


@pytest.mark.parametrize(
    ("depth", "complaint"),
    [(33, "nested more than 32 deep"), (1_020, "nested more than 32 deep"), (100_000, "not JSON: .*limit")],
)
@pytest.mark.parametrize("end", ["}", ', "metadata": {}}'])
def test_depth_is_refused_whatever_python_could_take(depth: int, complaint: str, end: str) -> None:
    """Also where the same key follows with something harmless; how deep Python may recurse does not matter."""
    inside = "[" * (depth - 2) + "]" * (depth - 2)
    value = f'{{"id": "1", "text": "x", "metadata": {{"a": {inside}}}{end}'.encode()
    with pytest.raises(UndecodableError, match=complaint):
        decode(value, Post, max_bytes=10**6)


@pytest.mark.parametrize(("depth", "is_taken"), [(31, True), (32, False)])
def test_a_field_of_another_form_lies_deeper_once_it_is_kept(depth: int, is_taken: bool) -> None:
    """What moves into the metadata counts as deep as it lies there: the post must fit where others do."""
    inside = "[" * (depth - 1) + "]" * (depth - 1)
    value = f'{{"id": "1", "text": "x", "a": {inside}}}'.encode()
    if is_taken:
        assert decode(value, Post, max_bytes=1000).metadata == {"a": orjson.loads(inside)}
    else:
        with pytest.raises(UndecodableError, match="nested more than 32 deep"):
            decode(value, Post, max_bytes=1000)


def test_metadata_of_the_greatest_depth_travel_on() -> None:
    """A post as deep as may be fits into an annotated post, and that onto the wire and back."""
    metadata = orjson.loads('{"a": ' + "[" * 30 + "]" * 30 + "}")
    post = decode(encode(Post(id="1", text="x", metadata=metadata)), Post, max_bytes=1000)
    annotated = msgspec.structs.replace(make_annotated_post(), post=post)
    assert decode(encode(annotated), AnnotatedPost, max_bytes=10**6) == annotated
