"""How long a server asks us to wait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A server may not send us away for longer than this, whatever it says: its clock or ours may be wrong.
_MAX_SECONDS = 3_600.0
_RESETS = ("x-rate-limit-reset", "x-ratelimit-reset")
_REMAINS = ("x-rate-limit-remaining", "x-ratelimit-remaining")


def wait_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how long to wait by `Retry-After` or the time at which the rate limit ends; None if neither is there.

    Args:
        headers: names in any case, as httpx gives them.
        now: seconds since 1970; by default the present.
    """
    now = time.time() if now is None else now
    if value := headers.get("retry-after"):
        seconds = _seconds_of(value, now)
        if seconds is not None:
            return _bounded(seconds)
    for name in _RESETS:
        if (reset := _time_of(headers.get(name, ""))) is not None:
            return _bounded(reset - now)
    return None


def is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the server says that no request is left until its rate limit ends."""
    return any(headers.get(name, "").strip() == "0" for name in _REMAINS)


def _seconds_of(value: str, now: float) -> float | None:
    if value.strip().isdecimal():
        return float(value[:12])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC).timestamp() - now


def _time_of(value: str) -> float | None:
    """Return seconds since 1970: X sends just those, Mastodon a date in ISO 8601."""
    try:
        if value.strip().isdecimal():
            return float(value[:12])
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _MAX_SECONDS)
