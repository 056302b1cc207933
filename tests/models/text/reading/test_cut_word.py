"""The word that an ellipsis cuts off."""

import pytest

from models import tokenize
from models.text.reading.cut_word import cut_word


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
        ("Los Gatos burns, pray for Los Gatos…", None),
        ("GATOS burns, pray for Gatos…", None),
        ("Gatos burns, pray for Gat…", "Gat"),
        ("… https://t.co/abc", None),
        ("https://t.co/abc…", None),
        ("…", None),
        ("", None),
    ],
)
def test_the_cut_word(text: str, word: str | None) -> None:
    """It touches the ellipsis at the end; only links may follow, and it does not stand whole elsewhere."""
    tokens = tokenize(text)
    cut = cut_word(tokens)
    assert (None if cut is None else tokens[cut].text) == word
