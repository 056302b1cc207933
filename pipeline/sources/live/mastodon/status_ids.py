"""Ids of statuses: numbers in which the time stands, at least in those that Mastodon gives.

Mastodon's are milliseconds since 1970, shifted by 16 bits. A post of another instance that arrives late gets a number
of the time at which it was written, so posts do not arrive quite in the order of their ids. Other servers that speak
the same API have ids of their own kind, which are only compared: by length, then by characters.
"""

from __future__ import annotations

_TIME_BITS = 16
_MIN_SNOWFLAKE = 10**16  # a time in 1974: no server counts its posts up to there


def order(status_id: str) -> tuple[int, str]:
    """Return what sorts ids from old to new."""
    return len(status_id), status_id


def rewound(status_id: str, seconds: float) -> str:
    """Return an id this much earlier; the same id if no time stands in it."""
    if not (status_id.isascii() and status_id.isdecimal()) or int(status_id) < _MIN_SNOWFLAKE:
        return status_id
    return str(int(status_id) - (int(seconds * 1000) << _TIME_BITS))
