"""Links that run into words."""

import pytest

from models import tokenize
from models.text.reading import read_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Quake in Osakahttps://t.co/ab now", "Quake in Osaka https://t.co/ab now"),
        ("OsakaHTTP://x.example", "Osaka HTTP://x.example"),
        ("https://t.co/abhttps://t.co/cd", "https://t.co/ab https://t.co/cd"),
        ("https://x.example/2026http://y.example/", "https://x.example/2026http://y.example/"),
        ("www.x.example/ahttp://y.example", "www.x.example/ahttp://y.example"),
        ("see https://x.example (http://y.example)", "see https://x.example (http://y.example)"),
        ("東京https://x.example", "東京 https://x.example"),
        ("the https:// sign", "the https:// sign"),
    ],
)
def test_a_blank_stands_before_a_link(source: str, text: str) -> None:
    """But a link within a link is a part of it."""
    read = read_text(source)
    assert read.text == text
    assert "".join(token.text for token in tokenize(text)) == source.replace(" ", "")


def test_the_blank_has_no_place_in_the_source() -> None:
    """A word before the link ends where it ends in the source, and the link begins there."""
    read = read_text("in Osakahttps://t.co/ab")
    assert read.to_source(3, 8) == (3, 8)
    assert read.to_source(9, 24) == (8, 23)
