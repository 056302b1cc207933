"""How far a live source has been read: the message on `posts.cursors`, a compacted topic. Its key is the source."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

# A feed reader's cursor holds what it knows of each feed. It must fit the broker's usual limit of a record.
MAX_CURSOR_BYTES = 900_000


class Cursor(Struct, frozen=True, kw_only=True):
    """How far a live source has been read: everything before it is on the topic of posts."""

    source: Annotated[
        str,
        Meta(min_length=1, max_length=512, description="which source: its name, and a hash of its settings"),
    ]
    cursor: Annotated[str, Meta(description="the position, in the source's own words")]
    updated_at: datetime
