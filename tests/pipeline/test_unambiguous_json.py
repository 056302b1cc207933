import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.unambiguous_json import check_is_unambiguous, is_deeper

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
        ('{"a": ' + "[" * 1_020 + "]" * 1_020 + ', "a": 1}', "nested deeper"),
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
    """It says what counting by recursion says."""
    assert is_deeper(document, max_depth) == (_depth(document) > max_depth)
