"""Where the words of a hashtag's name are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.hashtags.name import MAX_NAME_CHARACTERS, words_of_name


def _words(name: str) -> str:
    return "|".join(name[start:end] for start, end in words_of_name(name))


@pytest.mark.parametrize(
    "words",
    [
        # by capitals and digits
        "Pray|For|Nepal",
        "Baltimore|Bridge",
        "NYC|Marathon",
        "QLD|floods",
        "US|elections",
        "CNN|Latest",
        "nsw|Fires",
        "2026|Olympics",
        "Sandy|2012",
        "G20|Summit",
        "4th|Of|July",
        "COVID19",
        "MH370",
        "H5|N1",
        "DeAndre|Hopkins",
        "Île|DeFrance",
        # a word of the list, however it is written
        "YouTube",
        "iPhone",
        "McDonalds",
        # by the word list
        "pray|for|paris",
        "storm|daragh",
        "PRAY|FOR|PARIS",
        "California|fires",
        "stand|with|ukraine",
        "qld|floods",
        "garissa|attack",
        "black|lives|matter",
        "euro|2016",
        # left whole
        "brexit",
        "covid19",
        "lacmegantic",
        "Amherstburg",
        "Darton",
        "MSNBC",
        "ukraine",
        "goodnight",
        "überfall",
        "東京",
        "2024",
        "_",
    ],
)
def test_a_name_is_cut_into_words(words: str) -> None:
    """Capitals and digits decide first, then the word list; what is no words stays whole."""
    assert _words(words.replace("|", "")) == words


def test_an_underscore_parts_words() -> None:
    """An underscore belongs to no word."""
    assert _words("Pray_For_Nepal") == "Pray|For|Nepal"


def test_a_long_name_stays_whole() -> None:
    """A name beyond the limit is not looked at."""
    name = "PrayForNepal" * 6
    assert len(name) > MAX_NAME_CHARACTERS
    assert _words(name) == name


@given(st.text(min_size=1, max_size=70) | st.from_regex(r"[A-Za-z0-9_é]{1,60}", fullmatch=True))
def test_words_are_in_order_and_lose_no_letter(name: str) -> None:
    """Words do not overlap, none is empty, and no letter or digit of the name is outside all of them."""
    position = 0
    for start, end in words_of_name(name):
        assert position <= start < end <= len(name)
        assert not any(map(str.isalnum, name[position:start]))
        position = end
    assert not any(map(str.isalnum, name[position:]))
