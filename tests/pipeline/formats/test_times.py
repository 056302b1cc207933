from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats import times
from pipeline.formats.times import to_rfc3339

_NOV = "2023-11-14T22:13:20"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, f"{_NOV}Z"),
        (1_700_000_000_123, f"{_NOV}.123Z"),
        (1_700_000_000_123_456, f"{_NOV}.123456Z"),
        (1_700_000_000_123_456_789, f"{_NOV}.123456789Z"),
        (1_700_000_000.5, f"{_NOV}.5Z"),
        ("1700000000", f"{_NOV}Z"),
        ("1700000000.25", f"{_NOV}.25Z"),
        ("1700000000000", f"{_NOV}Z"),
        ({"$date": 1_700_000_000_000}, f"{_NOV}Z"),
    ],
)
def test_seconds_since_1970_are_read_in_the_unit_of_their_size(value: Any, expected: str) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds, as numbers and as texts, and MongoDB's way."""
    assert to_rfc3339(value) == (expected, times.EPOCH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z"),
        ("Wed, 10 Oct 2018 20:19:24 +0200", "2018-10-10T18:19:24Z"),
        ("10 Oct 2018 20:19:24 GMT", "2018-10-10T20:19:24Z"),
        ("Wed, 10 Oct 2018 20:19:24 -0000", "2018-10-10T20:19:24Z"),
        ("Wed, 10 Oct 2018 20:19:24 EST", "2018-10-11T01:19:24Z"),
    ],
)
def test_the_forms_of_x_and_of_mail_become_rfc_3339(text: str, expected: str) -> None:
    """Their zones are kept, as UTC."""
    assert to_rfc3339(text) == (expected, times.FORM)


@pytest.mark.parametrize(
    "text",
    [
        *("2018-10-10T20:19:24Z", "2018-10-10 20:19", "", "yesterday", "Wed, 10 Oct 2018 20:19:24 CEST"),
        *("20181010", "99999999999999999999", "Mon, 99 Foo 2018 99:99:99 GMT", "x" * 5_000 + " GMT"),
    ],
)
def test_a_text_that_is_no_such_time_stays(text: str) -> None:
    """A zone that nobody knows is no reason to take another."""
    assert to_rfc3339(text) == (text, None)


@pytest.mark.parametrize("value", [0, 20_181_010, -5, 5 * 10**18 + 10**19, 1e300, float("inf"), float("nan")])
def test_a_number_that_is_no_time_of_a_post_becomes_text(value: float) -> None:
    """A date written as a number is not taken for seconds."""
    assert to_rfc3339(value) == (str(value), times.KIND)


@pytest.mark.parametrize("value", [True, [], [1], {}, {"a": 1, "b": 2}])
def test_anything_else_is_no_time(value: Any) -> None:
    """It is left to the metadata."""
    assert to_rfc3339(value) == (None, times.KIND)


@given(st.text(max_size=80) | st.integers() | st.floats())
def test_no_value_is_too_odd(value: Any) -> None:
    """Every text and every number has an answer."""
    text, _ = to_rfc3339(value)
    assert isinstance(text, str)
