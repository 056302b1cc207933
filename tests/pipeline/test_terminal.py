import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pipeline.terminal import escape_unprintable, printable


@given(st.text())
def test_nothing_from_a_post_drives_a_terminal(text: str) -> None:
    """Control, bidirectional and other invisible characters never reach the screen as such."""
    shown = printable(text, max_characters=500)
    assert "\n" not in shown
    assert all(unicodedata.category(c)[0] != "C" or c == "\u200d" for c in shown)


def test_escapes_are_readable() -> None:
    """An escape sequence is shown as what it is; emoji and letters of any script stay."""
    assert escape_unprintable("\x1b[31mred\u202e 👩‍🚒 Ωμέγα") == "\\x1b[31mred\\u202e 👩‍🚒 Ωμέγα"


def test_long_texts_are_cut() -> None:
    """A post takes one line."""
    assert printable("word " * 100, max_characters=20) == "word word word word…"
