"""Character references, and what only looks like one."""

import pytest

from models.text.reading import read_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Barnes &amp; Noble", "Barnes & Noble"),
        ("M&amp;S", "M&S"),
        ("M&ampS &AMP;", "M&S &"),
        ("New&nbsp;York", "New\xa0York"),
        ("New&nbspYork", "New\xa0York"),
        ("Caf&eacute; Orl&eacuteans", "Café Orléans"),
        ("&#233;&#xE9;&#Xe9&#233", "éééé"),
        ("&#x1F600;&#128512;", "😀😀"),
        ("&#128; &#0; &#x110000;", "€ \ufffd \ufffd"),
        ("a&#99999999999999999999;b&#xfffffffffffff;", "a b "),
        ("&#" + "0" * 5000 + "65;", "A"),
        (
            "Barnes &amp;amp; Noble &amp;amp;amp; O&amp;#39;Hare&amp;nbsp;&amp;#x27;",
            "Barnes & Noble & O'Hare\xa0'",
        ),
        ("M&amp;Sons; R&amp;amp M&amp;#1;", "M&Sons; R&amp M&#1;"),
        ("&#x;&#;&;&", "&#x;&#;&;&"),
        ("&copy 2026 &copy;", "© 2026 ©"),
        ("&notanentity; &notit", "&notanentity; &notit"),
        ("&ldquo;Fire&rdquo;&hellip;", "“Fire”…"),
        ("AT&T R&D M&S H&M S&P500 Q&A rock&roll A&E", "AT&T R&D M&S H&M S&P500 Q&A rock&roll A&E"),
        ("this&region &copying &amplifier &parameter", "this&region &copying &amplifier &parameter"),
        ("https://x.example/?a=1&copy=2&lt=3&amp;b=4", "https://x.example/?a=1&copy=2&lt=3&b=4"),
    ],
)
def test_references_are_resolved_as_in_html_but_names_and_addresses_stay(source: str, text: str) -> None:
    """With a semicolon all count; without one, those that no name and no address would hold."""
    assert read_text(source).text == text


def test_a_character_stands_for_its_whole_reference() -> None:
    """The offsets are those of the source."""
    source = "at Caf&eacute; Orl&#233ans"
    read = read_text(source)
    assert read.text == "at Café Orléans"
    assert source[slice(*read.to_source(3, 15))] == "Caf&eacute; Orl&#233ans"
    assert source[slice(*read.to_source(6, 7))] == "&eacute;"
    assert read.shown(3, 14) == "Café"
