"""Texts as they are read, each kind with a table of cases; each kind alone is tested beside its own module."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.reading import read_text
from tests.models.text.reading.texts import TEXTS


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Barnes &amp; Noble data breach", "Barnes & Noble data breach"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("&amp;lt;b&amp;gt; &amp;amp;", "<b> &"),
        ("<p>Caf&eacute; R&amp;D</p>", "\nCafé R&D\n"),
        ("Jakar&shy;ta, Jakar&#8203;ta", "Jakarta, Jakarta"),
        ("&#119809;&#119834;&#119836;", "Bac"),
        ("&lt;b&gt;Alma&lt;/b&gt;", "<b>Alma</b>"),
        ("ﬁre \u200bin <i>Cafe\u0301</i>", "fire in Café"),
    ],
)
def test_kinds_come_one_after_the_other(source: str, text: str) -> None:
    """Markup goes first, references are resolved, and what comes of them is read like any other character."""
    assert read_text(source).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A fire in Athens, Tex. (pop. 12,000): 50% gone!",
        "AT&T, R&D, M&S, H&M and Q&A; a < b, b > a, I <3 you, </3 <unknown> <user>",
        "“Café” – naïve São Tomé… 100 €, ½, ™, ①, x², №",
        "Пожар в Афинах 東京 नमस्ते 한국 مرحبا",
        "👨\u200d👩\u200d👧\u200d👦🇬🇧👍🏽❤️1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🅱️ Ⓜ️",
    ],
)
def test_a_text_without_odd_characters_is_read_as_it_came(text: str) -> None:
    """It is the same object: nothing was copied."""
    read = read_text(text)
    assert read.text is read.source is text
    assert read.to_source(0, len(text)) == (0, len(text))
    assert read.shown(0, len(text)) == text


@given(TEXTS)
def test_offsets_of_the_source_grow_with_those_of_the_text(source: str) -> None:
    """Each character that is read stands for characters of the source, and none for earlier ones than its neighbour."""
    read = read_text(source)
    spans = [read.to_source(index, index + 1) for index in range(len(read.text))]
    assert all(0 <= start < end <= len(source) for start, end in spans)
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(spans))


@given(TEXTS, st.data())
def test_a_stretch_of_the_text_is_shown_as_it_is_read(source: str, data: st.DataObject) -> None:
    """The way to the source and back holds the stretch, and no more than what shares its source."""
    read = read_text(source)
    start = data.draw(st.integers(0, len(read.text)))
    end = data.draw(st.integers(start, len(read.text)))
    if start == end:
        return
    shown = read.shown(*read.to_source(start, end))
    assert read.text[start:end] in shown
    if read.text is source:
        assert shown == source[start:end]


@given(st.text(st.sampled_from("abcXYZ ,.!?'-é東🙂")))
def test_ordinary_characters_are_never_changed(text: str) -> None:
    """Letters, punctuation and emoji alone give no edit."""
    assert read_text(text).text is text


@pytest.mark.parametrize(
    ("part", "read_part"),
    [
        ("&", "&"),
        ("<", "<"),
        ("&#", "&#"),
        ("&#65", "A"),
        ("<b>", "<b>"),
        ("</b>", ""),
        ("<a href='", "<a href='"),
        ("<!--", "<!--"),
        ("&amp", "&"),
        ("&amp;", "&"),
        ("a\x00", "a"),
        ("a\u200b", "a"),
        ("e\u0301", "é"),
        ("<b ", "<b "),
        ("<div>", "\n"),
    ],
)
def test_hostile_repetition_is_read_right(part: str, read_part: str) -> None:
    """A text that is one thing a hundred thousand characters long is read as it is short."""
    repeated = 100_000 // len(part)
    assert read_text(part * repeated).text == read_part * repeated
