"""The text that a reader of HTML sees."""

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.html_text import plain_text

SHORTENED = (
    '<a href="https://example.org/a/long/path?x=1&amp;y=2" rel="nofollow noopener" target="_blank">'
    '<span class="invisible">https://</span><span class="ellipsis">example.org/a/long</span>'
    '<span class="invisible">/path?x=1&amp;y=2</span></a>'
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Flooding in Alma<br />Roads closed</p><p>More soon</p>", "Flooding in Alma\nRoads closed\nMore soon"),
        (f"<p>Fire: {SHORTENED} now</p>", "Fire: https://example.org/a/long/path?x=1&y=2 now"),
        ('<a href="https://m.example/tags/x" class="mention hashtag" rel="tag">#<span>flood</span></a>', "#flood"),
        ('<span class="h-card"><a href="https://m.example/@bob">@<span>bob</span></a></span> hi', "@bob hi"),
        ('<p><a href="https://example.org/">Read more</a></p>', "Read more"),
        ('<a href="javascript:x()"><span class="invisible">a</span>b</a>', "b"),
        ("<p>Caf&eacute; &amp; Bar, New&nbsp;York, &amp;lt;b&amp;gt;</p>", "Café & Bar, New\xa0York, &lt;b&gt;"),
        ("<ul><li>Alma</li><li>Leeds</li></ul>", "Alma\nLeeds"),
        ("<table><tr><td>Alma</td><td>3</td></tr></table>", "Alma 3"),
        ("New <b>Yo</b>rk<!-- not this --><script>nor(this)</script>", "New York"),
        ('Fire :blob: <img src="x" alt="picture"> in\n  Alma', "Fire :blob: in Alma"),
        ("AT&T and R&D, a < b, I <3 you", "AT&T and R&D, a < b, I <3 you"),
        ("No markup at all", "No markup at all"),
        ("", ""),
        ("<!-- only a comment", ""),
        ("NUL \x00 and \ud800", "NUL \ufffd and ?"),
    ],
)  # fmt: skip
def test_text_is_what_a_reader_sees(html: str, text: str) -> None:
    """Blocks end lines, shortened links are whole, hidden things are left out, references are resolved once."""
    assert plain_text(html) == text


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"))))
def test_text_comes_back_from_its_own_html(text: str) -> None:
    """Text that is written as HTML is read as it was, save for blanks at its ends and several blanks in a row."""
    expected = re.sub(" +", " ", text).strip()
    assert plain_text(f"<p>{escape(text)}</p>") == expected


@given(st.text("<>/!-&#;\"' pbrascit="))
def test_no_text_is_refused(markup: str) -> None:
    """Broken markup of any kind gives a text, and as part of a text it takes nothing from what stands before it."""
    assert plain_text(f"Alma\n<p>{markup}").startswith("Alma")
