import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.messages.unambiguous_json import check_is_unambiguous, is_deeper

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_what_encoders_write_is_unambiguous(document: object) -> None:
    """No document of distinct keys and numbers of 64 bits is refused."""
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
def test_what_is_ambiguous_is_named_in_short(text: str, complaint: str) -> None:
    """The key or the number is in the message, cut, and with nothing that hides."""
    with pytest.raises(ValueError, match=complaint) as caught:
        check_is_unambiguous(text)
    assert len(str(caught.value)) < 100


def _depth(document: Any) -> int:
    """The depth by recursion: the oracle."""
    if not isinstance(document, (dict, list)):
        return 0
    children = document.values() if isinstance(document, dict) else document
    return 1 + max(map(_depth, children), default=0)


@given(_JSON, st.integers(0, 6))
def test_depth_is_that_of_the_deepest_branch(document: object, max_depth: int) -> None:
    """It says what counting by recursion says, however the document is written, brackets in its texts included."""
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        assert is_deeper(text.encode("utf-8", "surrogatepass"), max_depth) == (_depth(document) > max_depth)


@given(st.text(alphabet='[]{}"\\\n é', max_size=30), st.integers(0, 3))
def test_brackets_in_a_text_are_no_depth(text: str, max_depth: int) -> None:
    """Not behind an escaped quote or backslash either."""
    document = {text: [text, {"text": text}]}
    assert is_deeper(json.dumps(document).encode(), max_depth) == (max_depth < 3)


@pytest.mark.parametrize(
    "inside", ["[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[" * 900 + "]" * 900]
)
def test_depth_under_a_key_that_stands_twice_counts(inside: str) -> None:
    """The decoded document does not hold it, but whoever reads the bytes comes upon it."""
    assert is_deeper(f'{{"a": {inside}, "a": 1}}'.encode(), 39)


def test_a_megabyte_of_brackets_is_no_work() -> None:
    """Neither in a text nor after one, nor a text of escapes alone."""
    many = 1_000_000
    assert not is_deeper(b'["' + b"[" * many + b'"]', 32)
    assert not is_deeper(b"[" + b"[]," * (many // 3) + b"0]", 32)
    assert not is_deeper(b'["' + b'\\"[' * (many // 3) + b'"]', 32)
