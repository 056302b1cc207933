"""Characters that hide in words, and letters in odd forms."""

import pytest

from models.text.reading import read_text


@pytest.mark.parametrize(
    "hidden",
    ["\u200b", "\u200c", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u200e", "\u202e", "\ufe0f", "\u034f", "\U000e0041",
     "\x00", "\x1b", "\x7f", "\x9f", "\u115f", "\u17b4", "\u180b", "\ue000", "\ufff9",
     "\uffff", "\U0001bca0", "\U000f0000"],
    ids=ascii,
)  # fmt: skip
def test_what_shows_nothing_ends_no_word(hidden: str) -> None:
    """A word is read without it; the source of the word holds it, unless it stands beside it."""
    source = f"In Jakar{hidden}ta {hidden * 3}now"
    read = read_text(source)
    assert read.text.startswith("In Jakarta ")
    assert source[slice(*read.to_source(3, 10))] == f"Jakar{hidden}ta"
    assert read.shown(3, 3 + len(f"Jakar{hidden}ta")) == "Jakarta"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("New\u200b York", "New York"),
        ("New \u200bYork", "New York"),
        ("\u2068Jakarta\u2069 \u202bAlma\u202c", "Jakarta Alma"),
        ("\ufeffFlood", "Flood"),
        ("\u200b", ""),
        ("می\u200cخواهم", "میخواهم"),
        ("👩\u200d🚒 ❤️ 1️⃣ #️⃣", "👩\u200d🚒 ❤️ 1️⃣ #️⃣"),
        ("New\u2800York \u3164Jakarta\uffa0", "New York  Jakarta "),
        ("a\ufe0fb 🇬🇧\u200b!", "ab 🇬🇧!"),
    ],
)
def test_hidden_characters_go_but_emoji_stay_whole(source: str, text: str) -> None:
    """Joiners and selectors belong to an emoji if they follow one."""
    assert read_text(source).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("𝐉𝐚𝐤𝐚𝐫𝐭𝐚 𝕁𝕒𝕜𝕒𝕣𝕥𝕒 𝒥𝒶𝓀𝒶𝓇𝓉𝒶 𝙹𝚊𝚔𝚊𝚛𝚝𝚊 𝟏𝟐", "Jakarta Jakarta Jakarta Jakarta 12"),
        ("Ｊａｋａｒｔａ ２０２６", "Jakarta 2026"),
        ("ﬁre, ﬂood, eﬃcient", "fire, flood, efficient"),
        ("Ⓙⓐⓚⓐⓡⓣⓐ 🅹🅰🅺🅰🆁🆃🅰 🄹🄰🄺", "Jakarta JAKARTA JAK"),
        ("🅱 positive, Ⓜ, 🅿️", "🅱 positive, Ⓜ, 🅿️"),
        ("ℂ𝕙𝕚𝕝𝕖 Ⅳ 300 \u212a", "Chile IV 300 K"),
        ("Cafe\u0301 Mu\u0308nchen A\u030angstrom", "Café München Ångstrom"),
        ("q\u0301 z\u0301\u0302", "q\u0301 ź\u0302"),
        ("\u1112\u1161\u11ab", "한"),
        ("＃Ｊａｋａｒｔａ ＠desk", "#Jakarta @desk"),
        ("：，！ ™ ½ ² № ①", "：，！ ™ ½ ² № ①"),
    ],
)
def test_letters_in_odd_forms_are_read_as_letters(source: str, text: str) -> None:
    """Fonts made of characters, wide forms, ligatures, letters in circles; signs and punctuation stay."""
    assert read_text(source).text == text


def test_offsets_of_letters_in_odd_forms_are_those_of_the_source() -> None:
    """One character may be read as several, and several as one."""
    source = "ﬁre in Mu\u0308nchen"
    read = read_text(source)
    assert read.text == "fire in München"
    assert read.to_source(8, 15) == (7, len(source))
    assert read.to_source(0, 1) == read.to_source(1, 2) == (0, 1)
