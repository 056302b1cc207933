"""Letters that run together, cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.hashtags.word_list import rank, split_letters


@pytest.mark.parametrize(
    "words",
    [
        "pray for paris",
        "boston marathon",
        "nepal earthquake",
        "east palestine",
        "nsw fires",
        "hurricane helene",
        "typhoon haiyan",
        "kharkiv attack",
        "storm daragh",
        "kerala floods",
        "manchester",
        "heartbreaking",
        "lacmegantic",
        "xqzt",
    ],
)
def test_letters_are_cut_into_words(words: str) -> None:
    """The most probable words win; a name that no list has is one word beside an event, and else nothing is cut."""
    assert split_letters(words.replace(" ", "")) == words.split()


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=60))
def test_no_letter_is_lost(letters: str) -> None:
    """Together the words are the letters."""
    assert "".join(split_letters(letters)) == letters


def test_frequent_words_come_first() -> None:
    """The list is in the order of frequency, and younger names are in it."""
    assert rank("the") == 0
    flood, covid, helene = rank("flood"), rank("covid"), rank("helene")
    assert flood
    assert covid
    assert helene
    assert flood < helene
    assert rank("covfefe") is None
