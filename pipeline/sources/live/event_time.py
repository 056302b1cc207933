"""When the posts of a batch were written, by their own account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pipeline.formats.format import Reading, ReadPost


def newest(items: Iterable[Reading]) -> datetime | None:
    """Return the latest `created_at` among the posts; None if no post has one that can be read."""
    times = (_read(item.post.created_at) for item in items if isinstance(item, ReadPost))
    return max(filter(None, times), default=None)


def _read(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
