"""Edits of a text, one set after the other."""

from hypothesis import given
from hypothesis import strategies as st

from models.text.reading import Edit, ReadText


def test_edits_upon_edits_lead_to_the_source() -> None:
    """The second edits are of the text that the first ones made."""
    read = ReadText("a&amp;b c").apply([Edit(1, 6, "&")])
    assert read.text == "a&b c"
    read = read.apply([Edit(1, 3, "xyz"), Edit(3, 4, "")])
    assert read.text == "axyzc"
    assert [read.to_source(index, index + 1) for index in range(5)] == [
        (0, 1),
        (1, 7),
        (1, 7),
        (1, 7),
        (8, 9),
    ]
    assert read.to_source(0, 5) == (0, 9)
    assert read.shown(1, 7) == "xyz"
    assert read.shown(2, 6) == ""


def test_no_edit_changes_nothing() -> None:
    """The text without edits is the same object."""
    read = ReadText("abc")
    assert read.apply([]) is read


@given(st.text(), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.text(max_size=3)), max_size=6))
def test_what_is_not_edited_keeps_its_place(source: str, steps: list[tuple[int, int, str]]) -> None:
    """Every character outside the edits leads to itself."""
    edits, position = [], 0
    for size, gap, replacement in steps:
        start = position + gap
        if start + size <= len(source):
            edits.append(Edit(start, start + size, replacement))
            position = start + size
    read = ReadText(source).apply(edits)
    edited = {index for edit in edits for index in range(edit.start, edit.end)}
    spans = [read.to_source(index, index + 1) for index in range(len(read.text))]
    kept = [(span[0], read.text[index]) for index, span in enumerate(spans) if span[0] not in edited]
    assert kept == [(index, char) for index, char in enumerate(source) if index not in edited]
