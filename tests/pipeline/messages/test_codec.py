import contextlib
import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.messages import Alert, AnnotatedPost, Post
from pipeline.messages.codec import check_is_unambiguous, decode, encode, is_deeper
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
def test_a_post_decodes_to_what_was_encoded(text: str, metadata: dict[str, object], lang: str) -> None:
    """A post decodes to what was encoded, metadata of any shape included."""
    post = Post(id="p", text=text, lang=lang, metadata=metadata)
    assert decode(encode(post), Post, max_bytes=10**6) == post


def test_an_annotated_post_survives_the_wire() -> None:
    """Times, nested structs and offsets are unchanged."""
    annotated = make_annotated_post()
    assert decode(encode(annotated), AnnotatedPost, max_bytes=10**6) == annotated


@given(st.binary(max_size=200))
def test_any_bytes_are_a_post_or_a_named_error(value: bytes) -> None:
    """Every byte string decodes or raises one of the two error types."""
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
def test_a_wrong_message_is_refused_by_the_name_of_its_field(value: bytes, complaint: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidMessageError, match=complaint):
        decode(value, Post, max_bytes=1000)


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff\xfe", b'{"id": "1", "text": "\\ud800"}', b"x" * 1001]
)
def test_bytes_that_are_not_json_are_undecodable(value: bytes | None) -> None:
    """No bytes, cut-off JSON, bad UTF-8, a lone surrogate and too many bytes have one error type."""
    with pytest.raises(UndecodableError):
        decode(value, Post, max_bytes=1000)


@pytest.mark.parametrize(
    ("depth", "complaint"),
    [(41, "nested more than 40 deep"), (1_020, "nested more than 40 deep"), (100_000, "not JSON: .*limit")],
)
@pytest.mark.parametrize("end", ["}", ', "metadata": {}}'])
def test_depth_is_refused_at_our_limit_not_pythons(depth: int, complaint: str, end: str) -> None:
    """This holds even if the same key follows with a harmless value, and at any recursion limit of Python."""
    inside = "[" * (depth - 2) + "]" * (depth - 2)
    value = f'{{"id": "1", "text": "x", "metadata": {{"a": {inside}}}{end}'.encode()
    with pytest.raises(UndecodableError, match=complaint):
        decode(value, Post, max_bytes=10**6)


def test_metadata_of_the_greatest_depth_travel_on() -> None:
    """A post of the greatest allowed depth fits into an annotated post, and can be written and read again."""
    metadata = orjson.loads('{"a": ' + "[" * 30 + "]" * 30 + "}")
    post = decode(encode(Post(id="1", text="x", metadata=metadata)), Post, max_bytes=1000)
    annotated = msgspec.structs.replace(make_annotated_post(), post=post)
    assert decode(encode(annotated), AnnotatedPost, max_bytes=10**6) == annotated


_PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_PLAIN_JSON)
def test_json_of_an_encoder_is_unambiguous(document: object) -> None:
    """No document of distinct keys and 64-bit numbers is refused."""
    check_is_unambiguous(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' stands twice"),
        (r'[{"a": {"b": 1, "\u0062": 2}}]', "key 'b' stands twice"),
        ('{"' + "k" * 100 + '": 1, "' + "k" * 100 + '": 1}', "key '" + "k" * 40 + "' stands twice"),
        ('{"\\u202e": 1, "\\u202e": 1}', r"key '\\u202e' stands twice"),
        ("[18446744073709551616]", "18446744073709551616 is beyond 64 bits"),
        ("-" + "9" * 5_000, "is beyond 64 bits"),
    ],
)
def test_an_ambiguous_key_or_number_is_named_and_cut(text: str, complaint: str) -> None:
    """The message has the key or the number, cut and without invisible characters."""
    with pytest.raises(ValueError, match=complaint) as caught:
        check_is_unambiguous(text)
    assert len(str(caught.value)) < 100


def _depth(document: Any) -> int:
    """The depth, by recursion: the oracle."""
    if not isinstance(document, (dict, list)):
        return 0
    children = document.values() if isinstance(document, dict) else document
    return 1 + max(map(_depth, children), default=0)


@given(_PLAIN_JSON, st.integers(0, 6))
def test_depth_is_that_of_the_deepest_branch(document: object, max_depth: int) -> None:
    """The result is that of counting by recursion, however the document is written, brackets in its texts included."""
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        assert is_deeper(text.encode("utf-8", "surrogatepass"), max_depth) == (_depth(document) > max_depth)


@given(st.text(alphabet='[]{}"\\\n é', max_size=30), st.integers(0, 3))
def test_brackets_in_a_text_are_not_depth(text: str, max_depth: int) -> None:
    """This holds behind an escaped quote or backslash too."""
    document = {text: [text, {"text": text}]}
    assert is_deeper(json.dumps(document).encode(), max_depth) == (max_depth < 3)


@pytest.mark.parametrize(
    "inside", ["[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[" * 900 + "]" * 900]
)
def test_depth_under_a_repeated_key_counts(inside: str) -> None:
    """The decoded document does not hold it, but a reader of the bytes finds it."""
    assert is_deeper(f'{{"a": {inside}, "a": 1}}'.encode(), 39)


def test_a_megabyte_of_brackets_is_not_deep() -> None:
    """A text of brackets, brackets side by side, and a text of escapes are accepted."""
    many = 1_000_000
    assert not is_deeper(b'["' + b"[" * many + b'"]', 32)
    assert not is_deeper(b"[" + b"[]," * (many // 3) + b"0]", 32)
    assert not is_deeper(b'["' + b'\\"[' * (many // 3) + b'"]', 32)


@pytest.mark.parametrize(("message_type", "name"), [(Alert, "an Alert"), (Post, "a Post")])
def test_a_refusal_has_the_right_article(message_type: type[Alert | Post], name: str) -> None:
    """The type's name follows as English wants it."""
    with pytest.raises(InvalidMessageError, match=f"^not {name}: "):
        decode(b"{}", message_type, max_bytes=100)
