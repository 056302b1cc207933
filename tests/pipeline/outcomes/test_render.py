import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UndecodableError
from pipeline.messages import Abstention, Alert, SelectionMethod
from pipeline.messages.dead_letter import DeadLetter, to_dead_letter
from pipeline.outcomes.outcome import Outcome
from pipeline.outcomes.render import render_outcome
from pipeline.printable import escape_unprintable, json_line, printable
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
        confidence=draw(st.none() | st.floats(0, 1)),
        post=msgspec.structs.replace(
            alert.post,
            text=draw(_HOSTILE),
            created_at=draw(st.none() | _HOSTILE | st.datetimes().map(str)),
            author=draw(st.none() | _HOSTILE),
            url=draw(st.none() | _HOSTILE),
        ),
    )


@st.composite
def _abstentions(draw: st.DrawFn) -> Abstention:
    abstention = make_abstention()
    return msgspec.structs.replace(
        abstention, post=msgspec.structs.replace(abstention.post, text=draw(_HOSTILE))
    )


@st.composite
def _dead_letters(draw: st.DrawFn) -> DeadLetter:
    letter = to_dead_letter(
        make_record(draw(st.none() | st.binary())), UndecodableError(draw(_HOSTILE)), stage="decode"
    )
    return msgspec.structs.replace(letter, stage=draw(_HOSTILE), reason=draw(_HOSTILE))


@given(_alerts() | _abstentions() | _dead_letters(), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_no_outcome_drives_a_terminal(outcome: Outcome, received_at: datetime | None) -> None:
    """Whatever stands in the fields of a record, it is shown on two lines of plain characters."""
    lines = render_outcome(outcome, received_at=received_at).plain.split("\n")
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


_RECEIVED = datetime(2026, 3, 2, 8, 30, 59, tzinfo=UTC)


def _alert(**fields: Any) -> Alert:
    """Return an alert of a post with these fields."""
    alert = make_alert()
    return msgspec.structs.replace(alert, post=msgspec.structs.replace(alert.post, **fields))


def _lines(alert: Alert, received_at: datetime | None = _RECEIVED) -> list[str]:
    return render_outcome(alert, received_at=received_at).plain.split("\n")


def test_an_alert_is_one_line_and_its_post_the_next() -> None:
    """Time, alert, each number with its name; author, text and link."""
    alert = msgspec.structs.replace(
        _alert(created_at="2026-03-01T09:14:26+02:00", author="@ada", url="https://example.org/1"),
        confidence=0.715,
    )
    provenance = msgspec.structs.replace(
        alert.provenance, selected_by=SelectionMethod.LIKELIHOOD, num_valid=3
    )
    assert _lines(msgspec.structs.replace(alert, provenance=provenance)) == [
        "  ALERT     2026-03-01 07:14Z  Fire: Athens  [LOC]  sentiment negative (score 0.80)"
        "  selection likelihood, confidence 0.71, 3 valid of 4 samples",
        "            @ada: Fire in Athens  https://example.org/1",
    ]


def test_what_a_post_does_not_say_is_not_shown() -> None:
    """No author, no link, no confidence; the time is the record's, and named so."""
    assert _lines(_alert()) == [
        "  ALERT     received 2026-03-02 08:30Z  Fire: Athens  [LOC]  sentiment negative (score 0.80)"
        "  selection only_candidate, 1 valid of 4 samples",
        "            Fire in Athens",
    ]
    assert _lines(_alert(), received_at=None)[0].startswith("  ALERT     Fire: Athens")
    assert "degraded: made without an LLM" in _lines(msgspec.structs.replace(_alert(), degraded=True))[0]


@pytest.mark.parametrize(
    ("created_at", "shown"),
    [
        ("2026-03-01T07:14:26Z", "2026-03-01 07:14Z"),
        ("2026-03-01 07:14:26.123456-08:00", "2026-03-01 15:14Z"),
        ("2026-03-01T07:14:26", "2026-03-01 07:14"),
        ("2026-03-01", "2026-03-01"),
        ("Wed Oct 10 20:19:24 +0000 2018", "Wed Oct 10 20:19:24 +0000 2018"),
        ("1772349266", "1772349266"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
        ("soon\x1b[31m" + "x" * 100, "soon\\x1b[31m" + "x" * 30 + "…"),
        (" ", "received 2026-03-02 08:30Z"),
    ],
)
def test_the_time_is_the_posts_in_utc_or_as_it_has_it(created_at: str, shown: str) -> None:
    """A time with a zone is comparable, and nothing is made up of any other."""
    assert _lines(_alert(created_at=created_at))[0].startswith(f"  ALERT     {shown}  Fire: Athens")


def test_the_page_says_what_each_part_is() -> None:
    """Every word and number of the example in docs/watch.md is a row of its table."""
    page = (Path(__file__).parents[3] / "docs" / "watch.md").read_text()
    (example,) = re.findall(r"```\n(.*?)```", page, flags=re.DOTALL)
    rows = re.findall(r"^\| `([^`]+?)(?:\.\.\.)?` \|", page, flags=re.MULTILINE)
    rest = example
    for row in rows:
        rest = rest.replace(row.strip(), "", 1)
    assert rest.split() == ["ALERT", ",", ",", ":", "thousands", "leave", "their", "homes"]
    alert = msgspec.structs.replace(make_alert(), confidence=0.72)
    for word in ("sentiment", "score", "selection", "confidence", "valid of", "samples"):
        assert word in example
        assert word in _lines(alert)[0]
