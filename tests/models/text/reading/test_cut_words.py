"""The words that an ellipsis cuts off."""

import pytest

from models import tokenize
from models.text.reading.cut_words import cut_words


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("RT @desk: Explosion at the plant in Ludwigsh…", "Ludwigsh"),
        ("Fire in Los Gat…", "Gat"),
        ("Train crash near Kharag...", "Kharag"),
        ("Train crash near Kharag....", "Kharag"),
        ("Fire in Los Gat… https://t.co/abc", "Gat"),
        ("Fire in Los Gat…https://t.co/abc https://t.co/d", "Gat"),
        ("Fire in Los Gat… https://t.co/ab…", "Gat"),
        ("Fire in #LosGat…", "LosGat"),
        ("Fire in Los Gatos …", None),
        ("Fire in Los Gatos ...", None),
        ("Fire in Los Gatos..", None),
        ("Fire in Los Gatos.", None),
        ("Fire… in Los Gatos", None),
        ("Fire in Los Gat… bit.ly/abc", "Gat"),
        ("Fire in Los Gat… pic.twitter.com/abc", "Gat"),
        ("Fire in Los Gat... http://t.co/ab #fire via @desk", "Gat"),
        ("Fire in Los Gat... http://t.co/ab See more there", "Gat"),
        ("Fire in Los Gat… #news @desk@a.example", "Gat"),
        ("Fire in Los Gat… (via @desk)", "Gat"),
        ("“Fire in Los Gat…” https://t.co/a", "Gat"),
        ("Fire in Los Gat… 🔥 (1/2)", "Gat"),
        ("Fire in Los Gat… Read more: bit.ly/abc", "Gat"),
        ("Fire in Los Gat⋯", "Gat"),
        ("Fire in Stratford-…", "Stratford"),
        ("Fire in Los Gatos... stay away http://t.co/ab", None),
        ("Fire in Los Gatos...no rain", None),
        ("Fire in Los Gatos [...]", None),
        ("Fire in Los Gatos - ...", None),
        ("... http://t.co/ab #fire", None),
        ("#fire", None),
        ("Los Gatos burns, pray for Los Gatos…", None),
        ("GATOS burns, pray for Gatos…", None),
        ("Gatos burns, pray for Gat…", "Gat"),
        ("… https://t.co/abc", None),
        ("https://t.co/abc…", None),
        ("!…", None),
        ("…", None),
        ("", None),
    ],
)
def test_the_cut_word(text: str, word: str | None) -> None:
    """It touches an ellipsis before a link or at the end of the text, and it does not stand whole elsewhere."""
    tokens = tokenize(text)
    assert [tokens[index].text for index in cut_words(tokens)] == ([] if word is None else [word])


def test_several_words_may_be_cut() -> None:
    """As in a post that quotes headlines with their links; the same half twice makes neither whole."""
    tokens = tokenize("Fire in Los Gat... http://t.co/ab Flood in Kharag… http://t.co/ab Quake in Kharag…")
    assert [tokens[index].text for index in sorted(cut_words(tokens))] == ["Gat", "Kharag", "Kharag"]
