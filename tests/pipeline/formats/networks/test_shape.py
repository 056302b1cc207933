"""Looking into documents of any shape."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.formats.networks.shape import as_name, as_text, dig, filled, link, objects


@pytest.mark.parametrize(
    "value", [None, 1, "a", [], [1], {"a": 1}, {"a": []}, {"a": {"b": None}}, {"a": {"c": 1}}]
)
def test_what_is_not_there_is_none(value: Any) -> None:
    assert dig(value, "a", "b") is None


def test_what_is_there_is_found() -> None:
    assert dig({"a": {"b": [1]}}, "a", "b") == [1]
    assert objects([{"a": 1}, 2, None, {}]) == [{"a": 1}, {}]
    assert objects({"a": 1}) == []


@pytest.mark.parametrize(
    ("value", "name"),
    [("7", "7"), (7, "7"), (2**63, str(2**63)), ("", None), (True, None), (7.5, None), (None, None)],
)
def test_an_id_as_a_string(value: Any, name: str | None) -> None:
    assert as_name(value) == name


def test_only_what_is_filled_is_kept() -> None:
    assert filled(a=None, b="", c=[], d={}, e=0, f=False) == {"e": 0, "f": False}
    assert filled(a=None) is None
    assert as_text("") is None


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("a", "b", {"text": "a", "url": "b"}),
        ("b", "b", None),
        ("a", None, None),
        ("a", 1, None),
        (None, "b", {"url": "b"}),
    ],
)
def test_a_link_says_what_the_text_does_not(text: Any, url: Any, expected: Any) -> None:
    assert link(text, url) == expected
