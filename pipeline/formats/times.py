"""The time of a post as RFC 3339 in UTC: from seconds since 1970 in any usual unit, from the forms of mail and of X."""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

EPOCH = "created_at_epoch"
FORM = "created_at_form"
KIND = "created_at_kind"

# Seconds between 1973 and 2100. Smaller numbers are no time of a post, but often a date such as 20181010.
_MIN_SECONDS, _MAX_SECONDS = 10**8, 4_102_444_800
_UNITS = (1, 10**3, 10**6, 10**9)  # of a second: seconds, milliseconds, microseconds, nanoseconds
_NUMBER = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?")
_MAX_FORM = 64
# A zone that the parser knows. It takes any other word for UTC.
_ZONE = re.compile(r"(?<![A-Za-z])(?:[+-][0-9]{4}|GMT|UTC?|Z|[ECMP][SD]T)\b")


def to_rfc3339(value: Any) -> tuple[str | None, str | None]:
    """Return the time as text, and the code of the change or None.

    A text that is no time, or is RFC 3339 already, stays as it is. A number that is no time of a post becomes text, and
    anything else becomes None.
    """
    if isinstance(value, dict) and len(value) == 1:  # MongoDB's extended JSON
        value = value.get("$date", value)
    if type(value) is str:
        return _from_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        time = _from_number(Decimal(str(value)))
        return (time, EPOCH) if time else (str(value), KIND)
    return (str(value), KIND) if isinstance(value, str) else (None, KIND)


def _from_text(text: str) -> tuple[str, str | None]:
    if _NUMBER.fullmatch(text):
        time = _from_number(Decimal(text))
        return (time, EPOCH) if time else (text, None)
    if len(text) <= _MAX_FORM and text[4:5] != "-" and _ZONE.search(text):
        time = _from_mail(text)
        return (time, FORM) if time else (text, None)
    return text, None


def _from_number(number: Decimal) -> str | None:
    for unit in _UNITS:
        if number.is_finite() and _MIN_SECONDS * unit <= number < _MAX_SECONDS * unit:
            seconds, nanoseconds = divmod(int(number * 10**9 / unit), 10**9)
            fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
            return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
    return None


def _from_mail(text: str) -> str | None:
    try:
        time = email.utils.parsedate_to_datetime(text)
        # The parser gives no zone for "-0000", which is UTC of an unknown place.
        utc = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return utc.isoformat().replace("+00:00", "Z")
