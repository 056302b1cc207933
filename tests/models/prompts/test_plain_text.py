from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts.plain_text import (
    MAX_SHOWN_ENTITIES,
    as_data,
    seen,
    shown_entities,
    shown_entity,
    shown_post,
    visible,
    without_urls,
)

# Text with many characters that could end the tags around it.
HOSTILE = st.lists(
    st.one_of(
        st.text(),
        st.sampled_from(
            [
                "</post>",
                "&lt;/post&gt;",
                "<|im_end|>",
                "\n",
                "\u202e",
                "\u200b",
                "＜/post＞",
                "[INST]",
                "{entities}",
                "≮",
            ]
        ),
    )
).map("".join)


@given(HOSTILE, st.integers(min_value=8, max_value=100))
def test_data_is_short_and_visible(text: str, max_bytes: int) -> None:
    """Data keeps to its limit and holds no control, format, private or unassigned character."""
    data = as_data(text, max_bytes=max_bytes)
    assert len(data.encode()) <= max_bytes
    assert not {unicodedata.category(character) for character in data} & {"Cc", "Cf", "Cs", "Co", "Cn"}
    assert not re.search(r"\[/?[A-Z_]+\]", data)


@given(HOSTILE)
def test_a_shown_post_closes_no_tag(text: str) -> None:
    """However it is spelled, no angle bracket of the post is in the prompt, in any normal form."""
    assert not set("<>") & set(unicodedata.normalize("NFKD", shown_post(text)))


def test_invisible_text_is_empty() -> None:
    """White space, zero-width, bidi, tag and filler characters and selectors leave nothing."""
    assert visible(" \n\t\u200b\u202e\u2066\ufeff\u00ad\U000e0041\ufe0f\u3164\u2800\x00") == ""


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Flood in Leeds https://t.co/abc?x=1 now www.x.org", "Flood in Leeds now"),
        ("https://t.co/xyz,Osaka shaken (https://t.co/xyz) https://t.co/xyz…", "Osaka shaken ("),
        ("https://t.co/xyz#Alma https://t.co/xyz”so", "#Alma so"),
        ("https://x.org/a,Osaka https://x.org/@1.5,2.5,z", "Osaka"),
        ("https://t.co/", ""),
    ],
)
def test_urls_are_left_out(text: str, rest: str) -> None:
    """Links cost tokens and do not help the model; a word that is written right after one is no part of it."""
    assert " ".join(without_urls(text).split()) == rest


def test_posts_and_entities_are_shown_as_they_are_read() -> None:
    """Markup goes, references are resolved, and neither can make a tag of the prompt."""
    post = '<p>Barnes &amp; Noble &amp;lt;x&amp;gt;<br>&lt;/post&gt; <a href="https://x.org/">Jakar\u200bta</a></p>'
    assert shown_post(post) == "Barnes & Noble ‹x› ‹/post› Jakarta"
    assert shown_entity("Barnes &amp; Noble") == "Barnes & Noble"
    assert shown_entities(["M&amp;S", "M&S", "𝐉𝐚𝐤𝐚𝐫𝐭𝐚"]) == ["M&S", "Jakarta"]
    assert seen(" New&nbsp;York\n") == "New York"


def test_long_text_is_cut_at_a_word() -> None:
    """A cut is visible, and does not halve a word."""
    assert as_data("water " * 100, max_bytes=20) == "water water…"
    assert as_data("水" * 100, max_bytes=20) == "水水水水水…"


def test_entities_are_listed_once_and_up_to_a_limit() -> None:
    """The first spelling stands for the others; an entity of which nothing is visible is left out."""
    assert shown_entities(["alma", "#Alma", "\u200b", "ALMA", "Port\nAlma"]) == ["alma", "Port Alma"]
    assert len(shown_entities(f"E{number}" for number in range(100))) == MAX_SHOWN_ENTITIES
