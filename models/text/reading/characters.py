"""Characters that hide in words, and letters in odd forms: as the letters that a reader sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from models.text.reading.source_map import Edit

# Combining marks, which \w does not match.
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u109f\u1780-\u17d3\u20d0-\u20dc"
# Controls, soft hyphen, grapheme joiner, Arabic letter mark, fillers of Hangul and Khmer, Mongolian selectors,
# zero-width space and non-joiner, bidi marks, word joiner and invisible operators, private use, noncharacters, byte
# order mark, annotation marks, controls of shorthand and music.
_INVISIBLE = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c"
    r"\u200e\u200f\u202a-\u202e\u2060-\u206f\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000f0000-\U0010ffff"
)
# Letters and symbols by category, but shown as blanks: Hangul's fillers and the empty Braille pattern.
_BLANKS = r"\u2800\u3164\uffa0"
# Joiner, selectors and tags: they make emoji sequences, but after a letter they are invisible, too.
_IN_EMOJI = r"\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef"
_HIDDEN = re.compile(
    rf"(?<=[\w{_MARKS}])[{_INVISIBLE}{_IN_EMOJI}]++(?!\u20e3)|[{_INVISIBLE}]++|(?P<blank>[{_BLANKS}])",
)

# Ligatures, full-width letters, digits and signs (of hashtags and mentions), Roman numerals, units and letters of
# mathematics: as plain ones.
_LETTERS = (
    r"\ufb00-\ufb06\uff03\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\u2160-\u217f"
    r"\u2126\u212a\u212b"
    r"\u2102\u210a-\u2113\u2115\u2119-\u211d\u2124\u2128\u212c\u212d\u212f-\u2131\u2133\u2134"
)
# Letters in circles and squares. One alone is a sign (a blood group, a car park); several are a word.
_ENCLOSED = r"\u24b6-\u24e9\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189"
_STYLED = re.compile(rf"[{_LETTERS}]|(?<=[{_ENCLOSED}])[{_ENCLOSED}]|[{_ENCLOSED}](?=[{_ENCLOSED}])")
# Unicode has no compatibility form for white letters in black circles and squares: their alphabets begin here.
_BLACK_ALPHABETS = (0x1F150, 0x1F170)

_DECOMPOSED = re.compile(
    r"[^\W\d_][\u0300-\u036f\u0653-\u0655\u3099\u309a]++|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?+"
)


def invisible(text: str) -> Iterator[Edit]:
    """Yield the characters to leave out: those that show nothing and are no part of an emoji. Odd blanks are spaces."""
    for match in _HIDDEN.finditer(text):
        yield Edit(*match.span(), " " if match["blank"] else "")


def styled(text: str) -> Iterator[Edit]:
    """Yield letters, digits and signs in compatibility forms (bold of mathematics, full width) as plain ones."""
    for match in _STYLED.finditer(text):
        yield Edit(*match.span(), _plain(match[0]))


def decomposed(text: str) -> Iterator[Edit]:
    """Yield each letter with marks after it as the one character that Unicode has for both, if there is one."""
    if unicodedata.is_normalized("NFC", text):
        return
    for match in _DECOMPOSED.finditer(text):
        composed = unicodedata.normalize("NFC", match[0])
        if composed != match[0]:
            yield Edit(*match.span(), composed)


STEPS = (invisible, styled, decomposed)


def _plain(character: str) -> str:
    for first in _BLACK_ALPHABETS:
        if first <= ord(character) < first + 26:
            return chr(ord("A") + ord(character) - first)
    return unicodedata.normalize("NFKC", character)
