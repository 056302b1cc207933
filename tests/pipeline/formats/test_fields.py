from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError
from pipeline.formats.document import HugeNumber
from pipeline.formats.fields import CHANGES, to_post
from pipeline.formats.format import Draft
from pipeline.messages import Post
from pipeline.messages.codec import decode, encode


def _post(**fields: Any) -> tuple[Post, tuple[str, ...]]:
    return to_post(Draft(**{"id": "1", "text": "x", **fields}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (0, "0"),
        (-7, "-7"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        (1_750_000_000_000_000_001, "1750000000000000001"),
        (12.0, "12"),
        (2.0**53 - 1, "9007199254740991"),
    ],
)
def test_a_number_as_id_is_kept_exactly(value: float, expected: str) -> None:
    """Every number of 64 bits keeps its digits."""
    post, changes = _post(id=value)
    assert (post.id, changes) == (expected, ("id_number",))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "it has no `id`"),
        ("", "its `id` is empty"),
        (1.5e18, r"its `id` 1.5e\+18 is not a whole exact number: write it as text"),
        (2.0**53, "not a whole exact number"),  # as which 2**53 + 1 is read
        (0.5, "not a whole exact number"),
        (float("inf"), "not a whole exact number"),
        (HugeNumber("18446744073709551616"), "18446744073709551616 is beyond 64 bits: write it as text"),
        (True, "its `id` is true or false"),
        (["1"], "its `id` is a list"),
        ({"a": 1}, "its `id` is an object"),
        ("x" * 513, "has 513 characters: at most 512"),
        *[
            (c, "control or invisible characters")
            for c in ("1\n", "1\x00", "\x1b[2J", "\u202e1", "a\u200bb", "1\x85")
        ],
    ],
)
def test_an_id_that_is_none_is_refused(value: Any, complaint: str) -> None:
    """The error says what stands there instead. Nothing is taken out of an id: two ids could become one."""
    with pytest.raises(InvalidMessageError, match=f"^not a Post: .*{complaint}"):
        _post(id=value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "it has no `text`"),
        (5, "its `text` is a number"),
        (["x"], "is a list"),
        (HugeNumber("9"), "a number"),
    ],
)
def test_a_text_that_is_none_is_refused(value: Any, complaint: str) -> None:
    """The error says what stands there instead."""
    with pytest.raises(InvalidMessageError, match=complaint):
        _post(text=value)


_OBJECT = {"id": 5, "name": "Ana"}


@pytest.mark.parametrize(
    ("field", "value", "expected", "change"),
    [
        ("author", 42, "42", "author_number"),
        ("author", HugeNumber("9" * 30), "9" * 30, "author_number"),
        ("author", _OBJECT, "Ana", "author_object"),
        ("author", {"id": 5}, "5", "author_object"),
        ("author", {"name": "Ana", "username": "ana"}, "ana", "author_object"),
        ("author", {"handle": "ana.bsky.social", "displayName": "Ana"}, "ana.bsky.social", "author_object"),
        ("author", {"acct": "ana@example.org", "url": "https://x"}, "ana@example.org", "author_object"),
        ("author", {"screen_name": "ana", "name": "Ana"}, "ana", "author_object"),
        ("author", [_OBJECT, {"name": "Bo"}], "Ana", "author_list"),
        ("author", {"age": 4}, None, "author_kind"),
        ("author", True, None, "author_kind"),
        ("author", [], None, "author_kind"),
        ("lang", ["en", "de"], "en", "lang_list"),
        ("lang", [None, "de"], "de", "lang_list"),
        ("lang", {"code": "pt"}, "pt", "lang_object"),
        ("lang", 7, None, "lang_kind"),
        ("url", ["https://example.org"], "https://example.org", "url_list"),
        ("url", {"expanded_url": "https://example.org"}, "https://example.org", "url_object"),
        ("url", 7, None, "url_kind"),
        ("source", {"name": "desk"}, "desk", "source_object"),
        ("source", 3, "3", "source_number"),
        ("created_at", 1_700_000_000, "2023-11-14T22:13:20Z", "created_at_epoch"),
        ("created_at", "Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z", "created_at_form"),
        ("created_at", {"year": 2018}, None, "created_at_kind"),
    ],
)
def test_a_field_that_only_travels_is_made_to_fit(field: str, value: Any, expected: Any, change: str) -> None:
    """The field becomes text if it can, and the change has a code."""
    post, changes = _post(**{field: value})
    assert getattr(post, field) == expected
    assert changes == (change,)
    assert change in CHANGES


@pytest.mark.parametrize("value", [_OBJECT, [_OBJECT], True, {"age": 4}])
def test_what_does_not_fit_is_kept_in_the_metadata(value: Any) -> None:
    """It lies there under the field's name, unless the metadata has that name."""
    assert _post(author=value)[0].metadata == {"author": value}
    assert _post(author=value, metadata={"a": 1})[0].metadata == {"author": value, "a": 1}
    assert _post(author=value, metadata={"author": 1})[0].metadata == {"author": 1}


def test_a_number_that_became_text_is_not_kept_twice() -> None:
    """The text says all."""
    assert _post(author=42, created_at=1_700_000_000)[0].metadata is None


@pytest.mark.parametrize("value", [[], [1], "x", 0, False, 1.5])
def test_metadata_of_any_kind_is_kept(value: Any) -> None:
    """Metadata that is no object becomes one."""
    post, changes = _post(metadata=value)
    assert (post.metadata, changes) == ({"metadata": value}, ("metadata_kind",))


def test_a_post_that_fits_is_unchanged() -> None:
    """Only the changes that the format has made are told."""
    fields: dict[str, Any] = {
        **{"id": "a", "text": "", "created_at": "2018-10-10T20:19:24Z", "lang": "en", "source": "s"},
        **{"author": "ana", "url": "u", "metadata": {"a": [1]}},
    }
    assert to_post(Draft(**fields, changes=("html",))) == (Post(**fields), ("html",))


def test_changes_of_the_format_come_first_and_each_once() -> None:
    """The order is that in which they were made."""
    draft = Draft(id=1, text="x", lang=[1], changes=("html", "id_number"))
    assert to_post(draft)[1] == ("html", "id_number", "lang_kind")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(dict.fromkeys(("created_at", "lang", "source", "author", "url", "metadata"), _JSON))
)
def test_no_field_that_only_travels_costs_a_post(fields: dict[str, Any]) -> None:
    """The post travels over the wire, and every change has a code of the closed set."""
    post, changes = _post(**fields)
    assert set(changes) <= set(CHANGES)
    assert decode(encode(post), Post, max_bytes=10**6).text == "x"
    assert msgspec.convert(msgspec.to_builtins(post), Post) == post or "nan" in str(fields)
