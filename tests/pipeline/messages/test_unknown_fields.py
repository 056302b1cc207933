import unicodedata

from pipeline.messages.unknown_fields import MAX_NAMES, UnknownFields


def test_each_name_is_told_once() -> None:
    """In the order of first sight."""
    told: list[str] = []
    unknown = UnknownFields(told.append)
    assert not unknown
    for names in (["likes", "txt"], ["txt"], ["ups", "likes"]):
        unknown.note(names)
    assert told == ["likes", "txt", "ups"]
    assert str(unknown) == "likes, txt, ups"
    assert unknown


def test_a_stranger_can_flood_neither_log_nor_memory() -> None:
    """Ten thousand names in each of many posts: a hundred are told, then one line says that there are more."""
    told: list[str] = []
    unknown = UnknownFields(told.append)
    for post in range(50):
        unknown.note(f"name {post} {n}" for n in range(10_000))
    assert len(told) == MAX_NAMES + 1
    assert told[-1] == "more than 100 names; no further one is told"
    assert str(unknown).endswith("name 0 9, and more than 90 more")


def test_long_and_hostile_names_are_shown_by_their_beginning() -> None:
    """A name of 60 KB is 60 characters, and nothing in one drives a terminal or forges a line."""
    told: list[str] = []
    unknown = UnknownFields(told.append)
    unknown.note(["a" * 60_000, "a" * 60_001, "\x1b[31m\nred\u202e", ""])
    assert told == ["a" * 59 + "…", "\\x1b[31m red\\u202e", ""]
    assert all(unicodedata.category(c)[0] != "C" for c in str(unknown))
