from __future__ import annotations

import pytest

from pipeline.messages.cursor import MAX_CURSOR_BYTES
from pipeline.sources.live.rss.memory import (
    FeedMemory,
    entry_hash,
    joined_hashes,
    read_memories,
    validator,
    write_memories,
)


def test_entries_are_known_again() -> None:
    memory = FeedMemory(seen=joined_hashes(map(entry_hash, ["a", "b", "a"])))
    assert (memory.knows("a"), memory.knows("b"), memory.knows("c")) == (True, True, False)
    assert len(memory.hashes()) == 2


def test_the_cursor_gives_back_what_was_known() -> None:
    memories = {
        "https://a.example": FeedMemory('"1"', "Mon", "https://b.example", "abcdefgh"),
        "b": FeedMemory(),
    }
    assert read_memories(write_memories(memories)) == memories


@pytest.mark.parametrize("cursor", [None, "", "7", "[]", '{"a": 1}'])
def test_a_cursor_that_cannot_be_read_knows_nothing(cursor: str | None) -> None:
    assert read_memories(cursor) == {}


def test_many_large_feeds_fit_a_record_and_the_newest_entries_stay() -> None:
    seen = joined_hashes(entry_hash(str(number)) for number in range(600))
    memories = {
        f"https://a.example/{number}": FeedMemory(etag="x" * 100, seen=seen) for number in range(1_000)
    }
    cursor = write_memories(memories)
    assert len(cursor) <= 900_000
    memory = read_memories(cursor)["https://a.example/999"]
    assert memory.etag == "x" * 100
    assert memory.knows("0")
    assert not memory.knows("599")


@pytest.mark.parametrize(("num_characters", "is_whole"), [(100, True), (400, False)])
def test_the_cursor_of_very_many_feeds_fits_a_record(num_characters: int, is_whole: bool) -> None:
    """Entity tags go first, which may have any characters; then feeds are left out."""
    memories = {
        f"https://{number}.example/".ljust(num_characters, "x"): FeedMemory(
            etag="\u00e9" * 500, seen="abcdefgh" * 9
        )
        for number in range(5_000)
    }
    cursor = write_memories(memories)
    assert len(cursor.encode()) <= MAX_CURSOR_BYTES
    found = read_memories(cursor)
    assert (len(found) == 5_000) is is_whole
    assert all(memory == FeedMemory(seen="abcdefgh") for memory in found.values())


def test_validators_that_cannot_be_sent_back_are_dropped() -> None:
    assert validator('W/"1"') == 'W/"1"'
    assert [validator(value) for value in (None, "x" * 513, "a\nb")] == ["", "", ""]
