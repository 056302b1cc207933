"""Tokens of social-media text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import tokenize


@given(
    st.text(st.characters(exclude_categories=()))
    | st.text("aZ1 .,'’-@#&;:/!?)(<3nt\u200d\ufe0f👩🏽🇬🇧é\u0301\x00")
)
def test_tokens_are_the_text_in_order_and_lose_nothing(text: str) -> None:
    """Each token is text[start:end], offsets increase, and only white space lies between tokens."""
    position = 0
    for token in tokenize(text):
        assert token.text == text[token.start : token.end] != ""
        assert token.start >= position
        assert not text[position : token.start].strip()
        position = token.end
    assert not text[position:].strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RT @john_doe: hi", "RT|@|john_doe|:|hi"),
        ("#NepalEarthquake hit!!!", "#|NepalEarthquake|hit|!!!"),
        ("see http://t.co/aB1?x=2, ok", "see|http://t.co/aB1?x=2|,|ok"),
        ("https://t.co/xyz,Osaka shaken", "https://t.co/xyz|,|Osaka|shaken"),
        ("http://t.co/xyz#CNN http://t.co/ab”so", "http://t.co/xyz|#|CNN|http://t.co/ab|”|so"),
        ("https://x.org/a,Osaka", "https://x.org/a|,|Osaka"),
        ("https://x.org/@1.5,2.5,z,Élan", "https://x.org/@1.5,2.5,z|,|Élan"),
        ("https://t.co/ https://x.org/a,,", "https://t.co/|https://x.org/a|,,"),
        ("bit.ly/ab,Osaka bbc.in/a,b.", "bit.ly/ab|,|Osaka|bbc.in/a,b|."),
        ("Montr\ufffdal \ufffd a\ufffd", "Montr\ufffdal|\ufffd|a|\ufffd"),
        ("(www.bbc.co.uk/news).", "(|www.bbc.co.uk/news|)|."),
        ("pic.twitter.com/xYz", "pic.twitter.com/xYz"),
        ("mail a.b@mail.com now", "mail|a.b@mail.com|now"),
        ("Q&amp;A &lt;3 AT&T", "Q|&amp;|A|&lt;|3|AT&T"),
        ("M&S PG&E Texas A&M S&P500", "M&S|PG&E|Texas|A&M|S&P500"),
        ("in India&Nepal, Barnes&Noble", "in|India|&|Nepal|,|Barnes|&|Noble"),
        ("I can't, it’s don't", "I|ca|n't|,|it|’s|do|n't"),
        ("Smith's O'Neill's", "Smith|'s|O'Neill|'s"),
        ("James' '90s", "James|'|'|90s"),
        ("well-known 5-year-old", "well-known|5-year-old"),
        ("$1,000.50 at 10:30, 50% on 1996-08-22.", "$|1,000.50|at|10:30|,|50|%|on|1996-08-22|."),
        ("Mr. X left the U.S. today.", "Mr.|X|left|the|U.S.|today|."),
        ("end.Next well...ok", "end|.|Next|well|...|ok"),
        ("👨‍👩‍👧‍👦🇬🇧👍🏽❤️1️⃣", "👨‍👩‍👧‍👦|🇬🇧|👍🏽|❤️|1️⃣"),
        ("sooooo :) :-( <3 ;-P", "sooooo|:)|:-(|<3|;-P"),
        ("Привет, 東京 नमस्ते", "Привет|,|東京|नमस्ते"),
        ("  \t\n", ""),
    ],
)
def test_conventions(text: str, words: str) -> None:
    """Each convention of the module's docstring has an example."""
    assert [token.text for token in tokenize(text)] == [word for word in words.split("|") if word]


@pytest.mark.parametrize(
    "part",
    [
        "a",
        ".",
        "+-",
        "a.",
        "a-",
        "'",
        "a'",
        "@",
        "&a",
        "aaaa&",
        "1,",
        "👨\u200d",
        "http://",
        "http://a,",
        "http://,",
        "https://t.co/",
        "www.a,A",
        "www.!",
        "a" * 63 + ".",
        "-_",
    ],
)
def test_hostile_repetition_takes_linear_time(part: str) -> None:
    """Four times the text takes about four times as long; a regex that backtracks would take sixteen times."""
    short, long = part * (5_000 // len(part)), part * (20_000 // len(part))
    assert _least_seconds(long) < 9 * _least_seconds(short)


def _least_seconds(text: str) -> float:
    """The CPU time of the quickest of several runs, because other work on the machine only adds to it."""
    seconds = []
    for _ in range(5):
        started = time.process_time()
        tokenize(text)
        seconds.append(time.process_time() - started)
    return min(seconds)
