"""What a prompt shows of a long post."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.passages import passages
from models.prompts.plain_text import MAX_POST_BYTES, shown_post

_FILLER = "Members of the council talked for hours about the budget and the parks. "
_END = "As they were leaving, news came in that a strong quake had struck Valparaiso in Chile."


def _shown(text: str, *names: str) -> str:
    return shown_post(text, names)


def test_an_event_at_the_end_is_shown_with_the_opening() -> None:
    """The sentence around the name stands after an ellipsis, and the opening before it."""
    text = "Harrow met on Tuesday. " + _FILLER * 40 + _END
    shown = _shown(text, "Harrow", "Valparaiso", "Chile")
    assert shown.startswith("Harrow met on Tuesday. Members")
    assert shown.endswith(_END)
    assert shown.count(" … ") == 1
    assert len(shown.encode()) <= MAX_POST_BYTES


@pytest.mark.parametrize("names", [(), ("Harrow",), ("Paris",)])
def test_without_names_beyond_the_opening_it_is_the_beginning(names: tuple[str, ...]) -> None:
    """Then the text is cut once, at its end."""
    text = "Harrow met on Tuesday. " + _FILLER * 40
    shown = _shown(text, *names)
    assert shown == _shown(text)
    assert text.startswith(shown.removesuffix("…"))
    assert len(shown.encode()) > MAX_POST_BYTES - 50


@given(st.text("aé .<&;http:/東", max_size=2 * MAX_POST_BYTES), st.lists(st.text(max_size=20)))
def test_a_text_that_fits_is_not_touched(text: str, names: list[str]) -> None:
    """Names change nothing about a post that a prompt has room for."""
    plain = shown_post(text)
    if "…" not in plain:
        assert shown_post(text, names) == plain


def test_every_name_is_shown() -> None:
    """Of twelve names that stand far apart each is shown with some words around it."""
    names = [f"Port{letter}" for letter in "ABCDEFGHIJKL"]
    text = _FILLER * 10 + "".join(f"{_FILLER * 3}A fire broke out in {name} today. " for name in names)
    shown = _shown(text, *names)
    assert [name for name in names if f" in {name} " not in shown] == []


def test_the_last_mention_is_shown_too() -> None:
    """A name of the opening may be named again where the event stands."""
    shown = _shown(f"Chile votes in May. {_FILLER * 30} A strong quake struck Chile.", "Chile")
    assert shown.startswith("Chile votes in May.")
    assert shown.endswith("A strong quake struck Chile.")


def test_a_name_within_a_word_is_not_a_mention_if_it_stands_alone() -> None:
    """Only without another mention, as in a hashtag, a part of a word counts."""
    far = f"{_FILLER * 20} USED cars. {_FILLER * 20} A storm in the US today. {_FILLER * 20}"
    assert "A storm in the US today." in _shown(far, "US")
    assert "#PrayForNepal" in _shown(f"{_FILLER * 20} #PrayForNepal {_FILLER * 20}", "Nepal")


@given(
    st.lists(
        st.text("abc東é", min_size=1, max_size=60) | st.sampled_from([".", "Oslo", "Oslo.", "x" * 900]),
        min_size=300,
    )
)
def test_passages_stand_in_the_text(words: list[str]) -> None:
    """Each passage is in the text, in order, and all together fit."""
    text = " ".join(words)
    shown = passages(text, ["Oslo", "abc"], MAX_POST_BYTES)
    if shown is None:
        return
    assert len(shown.encode()) <= MAX_POST_BYTES
    position = 0
    for passage in shown.removesuffix("…").split(" … "):
        position = text.index(passage, position) + len(passage)
