"""What is known of each feed between two looks at it, and its form in the cursor.

An entry is known by a short hash of its id. Only the entries that the feed had at the last look are remembered: one
that has left the feed does not come back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping

import msgspec

_HASH_CHARACTERS = 8  # 48 bits: two of a feed's entries are the same by chance once in 10^9 looks
_MAX_ENTRIES = 500  # of one feed
_MAX_VALIDATOR = 512  # characters of an entity tag
_MAX_CURSOR_BYTES = 800_000


class FeedMemory(msgspec.Struct, omit_defaults=True):
    """What is known of one feed.

    Attributes:
        etag: of the last answer, as the server gave it.
        modified: its `Last-Modified`, as the server gave it.
        moved: where the feed has moved for good.
        seen: hashes of the entries at the last look, one after the other; None before the first.
    """

    etag: str = ""
    modified: str = ""
    moved: str = ""
    seen: str | None = None

    def knows(self, entry_id: str) -> bool:
        """Whether the feed had the entry at the last look."""
        return entry_hash(entry_id) in self.hashes()

    def hashes(self) -> set[str]:
        """Return the hashes of all entries at the last look."""
        seen = self.seen or ""
        return {seen[at : at + _HASH_CHARACTERS] for at in range(0, len(seen), _HASH_CHARACTERS)}


def entry_hash(entry_id: str) -> str:
    """Return a short hash of an entry's id."""
    digest = hashlib.sha256(entry_id.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_HASH_CHARACTERS]


def joined_hashes(hashes: Iterable[str]) -> str:
    """Return hashes as `FeedMemory.seen` has them, the first ones if they are many."""
    return "".join(list(dict.fromkeys(hashes))[:_MAX_ENTRIES])


def validator(value: str | None) -> str:
    """Return a validator of a server if it can be sent back, else an empty one."""
    return value if value is not None and len(value) <= _MAX_VALIDATOR and value.isprintable() else ""


def read_memories(cursor: str | None) -> dict[str, FeedMemory]:
    """Return what the cursor says of each feed, by address; nothing if it cannot be read."""
    try:
        return msgspec.json.decode(cursor or "{}", type=dict[str, FeedMemory])
    except (msgspec.DecodeError, RecursionError):
        return {}


def write_memories(memories: Mapping[str, FeedMemory]) -> str:
    """Return the cursor. If it would be too large, the feeds with the most entries lose the older ones.

    If that is not enough, the feeds lose what makes requests conditional, and then the last ones are left out: the
    broker would not take the record.
    """
    limit = _MAX_ENTRIES
    while limit:
        cursor = msgspec.json.encode({address: _cut(memory, limit) for address, memory in memories.items()})
        if len(cursor) <= _MAX_CURSOR_BYTES:
            return cursor.decode()
        limit = limit * 2 // 3
    kept: dict[str, FeedMemory] = {}
    num_bytes = 0
    for address, memory in memories.items():
        kept[address] = FeedMemory(seen=_cut(memory, 1).seen)
        num_bytes += len(msgspec.json.encode({address: kept[address]}))
        if num_bytes > _MAX_CURSOR_BYTES:
            del kept[address]
            break
    return msgspec.json.encode(kept).decode()


def _cut(memory: FeedMemory, limit: int) -> FeedMemory:
    seen = memory.seen and memory.seen[: limit * _HASH_CHARACTERS]
    return msgspec.structs.replace(memory, seen=seen)
