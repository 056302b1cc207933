import unicodedata

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dead_letter import DeadLetter, bury
from pipeline.errors import UndecodableError
from pipeline.messages import Abstention, Alert
from pipeline.outcomes import Outcome
from pipeline.terminal import escape_unprintable, json_line, printable, render_outcome
from tests.pipeline.fakes import make_abstention, make_alert, make_record

_HOSTILE = st.text() | st.sampled_from(["\x1b]0;owned\x07", "a\nb", "\x9b31m", "\u202egnp.exe", "\r  ALERT"])


def _is_harmless(shown: str) -> bool:
    return all(unicodedata.category(c)[0] != "C" or c == "\u200d" for c in shown)


@given(st.text())
def test_nothing_from_a_post_drives_a_terminal(text: str) -> None:
    """Control, bidirectional and other invisible characters never reach the screen as such."""
    shown = printable(text, max_characters=500)
    assert "\n" not in shown
    assert _is_harmless(shown)


@st.composite
def _alerts(draw: st.DrawFn) -> Alert:
    alert = make_alert()
    return msgspec.structs.replace(
        alert,
        alert=draw(_HOSTILE),
        theme=draw(_HOSTILE),
        entity=draw(_HOSTILE),
        entity_type=draw(_HOSTILE),
        sentiment=msgspec.structs.replace(alert.sentiment, label=draw(_HOSTILE)),
        post=msgspec.structs.replace(alert.post, text=draw(_HOSTILE)),
    )


@st.composite
def _abstentions(draw: st.DrawFn) -> Abstention:
    abstention = make_abstention()
    return msgspec.structs.replace(
        abstention, post=msgspec.structs.replace(abstention.post, text=draw(_HOSTILE))
    )


@st.composite
def _dead_letters(draw: st.DrawFn) -> DeadLetter:
    letter = bury(
        make_record(draw(st.none() | st.binary())), UndecodableError(draw(_HOSTILE)), stage="decode"
    )
    return msgspec.structs.replace(letter, stage=draw(_HOSTILE), reason=draw(_HOSTILE))


@given(_alerts() | _abstentions() | _dead_letters())
def test_no_outcome_drives_a_terminal(outcome: Outcome) -> None:
    """Whatever stands in the fields of a record, it is shown on two lines of plain characters."""
    lines = render_outcome(outcome).plain.split("\n")
    assert len(lines) == 2
    assert all(_is_harmless(line) for line in lines)


@given(st.dictionaries(_HOSTILE, _HOSTILE | st.lists(_HOSTILE)))
def test_json_on_a_terminal_is_harmless_and_still_the_same(document: dict[str, object]) -> None:
    """One line without anything that a terminal obeys, which reads back as what it was."""
    line = json_line(document)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for c in line)
    assert orjson.loads(line) == document


def test_escapes_are_readable() -> None:
    """An escape sequence is shown as what it is; emoji and letters of any script stay."""
    assert escape_unprintable("\x1b[31mred\u202e 👩‍🚒 Ωμέγα") == "\\x1b[31mred\\u202e 👩‍🚒 Ωμέγα"


def test_long_texts_are_cut() -> None:
    """A post takes one line."""
    assert printable("word " * 100, max_characters=20) == "word word word word…"
