from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UndecodableError
from pipeline.formats.document import HugeNumber, load, load_xml, made_plain


@pytest.mark.parametrize(
    ("value", "content", "changes"),
    [
        (b'{"a": "\\ud83d x"}', {"a": "\ufffd x"}, ("lone_surrogate",)),
        (b'{"a": "x\\uDC00\\ud83d"}', {"a": "x\ufffd\ufffd"}, ("lone_surrogate",)),
        (b'{"\\udfff": [["\\ud800"]]}', {"\ufffd": [["\ufffd"]]}, ("lone_surrogate",)),
        (b'{"a": "\xed\xa0\xbd\xed\xb8\x80"}', {"a": "\U0001f600"}, ("lone_surrogate",)),
        (b'{"a": "\xed\xa0\xbd"}', {"a": "\ufffd"}, ("lone_surrogate",)),
        (b'{"a": "\\\\ud83d", "b": NaN}', {"a": "\\ud83d", "b": None}, ("not_a_number",)),
        (b"[NaN, Infinity, -Infinity]", [None] * 3, ("not_a_number",)),
        (b'{"a": 18446744073709551616}', {"a": "18446744073709551616"}, ("huge_number",)),
        (b"[-9223372036854775809]", ["-9223372036854775809"], ("huge_number",)),
        (b"[1e999, 1.5]", ["1e999", 1.5], ("huge_number",)),
        (b"\xef\xbb\xbf[]", [], ("byte_order_mark",)),
        (b'{"a": "\\ud83d\\ude00", "b": 1}', {"a": "\U0001f600", "b": 1}, ()),
    ],
)
def test_what_is_not_ambiguous_is_mended(value: bytes, content: Any, changes: tuple[str, ...]) -> None:
    """The change has a code."""
    document = load(value)
    assert (made_plain(document[0]), document[1]) == (content, changes)


def test_a_huge_number_is_told_from_a_text() -> None:
    """It is no id, for one."""
    content, _, _ = load(b'{"a": 99999999999999999999999, "b": "9", "c": "\\ud800"}')
    assert isinstance(content["a"], HugeNumber)
    assert type(content["b"]) is type(made_plain(content)["a"]) is str


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (b'{"a": 1, "a": 1}', "the key 'a' stands twice"),
        (b'{"a": 1, "\\u0061": NaN}', "the key 'a' stands twice"),
        (b'{"\\ud800": 1, "\\ud801": 2}', "stands twice"),
        (b'{"a":' * 41 + b"1" + b"}" * 41, "nested more than 32 deep"),
        (b"[" * 41 + b"NaN" + b"]" * 41, "nested more than 32 deep"),
        (b"[" * 90_000, "nested more than 32 deep"),
        (b'{"a": "[' * 5_000, "nested more than 32 deep"),
    ],
)
def test_what_is_ambiguous_or_deep_is_refused(value: bytes, complaint: str) -> None:
    """Also where a document is mended."""
    with pytest.raises(UndecodableError, match=complaint):
        load(value)


@pytest.mark.parametrize(("depth", "may_be_deep"), [(5, False), (28, False), (29, True), (40, True)])
def test_a_deep_document_is_marked(depth: int, may_be_deep: bool) -> None:
    """Envelopes take some of the depth, so a document may be deeper than a post."""
    assert load(b"[" * depth + b"]" * depth)[2] is may_be_deep


@pytest.mark.parametrize(
    "value", [b"", b" ", b"{", b"x", b"\xff", b"[1,]", b"{}{}", b'"\x07"', b"nan", b"[01]"]
)
def test_what_is_no_json_is_no_json(value: bytes) -> None:
    """Being lenient ends there."""
    with pytest.raises(ValueError, match=r"\w"):
        load(value)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(_JSON)
def test_json_of_an_encoder_is_unchanged(content: Any) -> None:
    """Nothing is mended that is whole."""
    assert load(orjson.dumps(content)) == (content, (), False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<rss>é</rss>".encode(), "<rss>é</rss>"),
        (b"\xef\xbb\xbf\n<rss/> ", "<rss/>"),
        (
            b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
            '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>',
        ),
    ],
)
def test_xml_is_read_in_the_encoding_that_it_declares(value: bytes, text: str) -> None:
    """UTF-8 comes first, since many declare what they are not."""
    assert load_xml(value) == text


@pytest.mark.parametrize("value", [b"<a>\xe9</a>", b'<?xml encoding="nonsense"?><a>\xe9</a>'])
def test_xml_in_no_encoding_is_refused(value: bytes) -> None:
    """The decoder's error says where."""
    with pytest.raises(UnicodeDecodeError):
        load_xml(value)
