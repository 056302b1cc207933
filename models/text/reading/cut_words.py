"""The words that an ellipsis cuts off, as Twitter, feeds and previews do: each may be half a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.text.tokenizer import Token
from models.text.word_forms import is_link

_ADDRESS = re.compile(r"[\w.-]+\.[a-z]+/", re.IGNORECASE)  # bit.ly/abc, pic.twitter.com/abc
# What programs and people put after a text that was cut: "… via @desk", "… #news", '…"', "… (1/2)", "… Read more".
_NO_TEXT = re.compile(r"via|rt|continue|read|reading|more|[^\w.…⋯]+|\d+(?:/\d+)?", re.IGNORECASE)
_ELLIPSES = ("…", "...", "⋯")


def cut_words(tokens: Sequence[Token]) -> set[int]:
    """Return the indices of the tokens that an ellipsis cuts off.

    The ellipsis touches the word, and a link comes next, or nothing more of the text: links, hashtags, mentions and
    signs may follow. A word that stands whole elsewhere in the text is taken to be whole here, too.
    """
    ellipses = [index for index, token in enumerate(tokens) if token.text.startswith(_ELLIPSES)]
    if not ellipses:
        return set()
    end = _end_of_text(tokens)
    cut = {
        word
        for index in ellipses
        if (index + 1 >= end or is_address(tokens[index + 1].text))
        and (word := _word_before(tokens, index)) is not None
    }
    whole = {token.text.casefold() for index, token in enumerate(tokens) if index not in cut}
    return {index for index in cut if tokens[index].text.casefold() not in whole}


def _end_of_text(tokens: Sequence[Token]) -> int:
    """Return the index of the first token after which no more of the text comes."""
    end = len(tokens)
    while end:
        if end > 1 and tokens[end - 2].text in ("#", "@") and tokens[end - 2].end == tokens[end - 1].start:
            end -= 2
        elif is_address(tokens[end - 1].text) or _NO_TEXT.fullmatch(tokens[end - 1].text):
            end -= 1
        else:
            break
    return end


def _word_before(tokens: Sequence[Token], ellipsis: int) -> int | None:
    """Return the index of the word that the ellipsis touches, perhaps with a hyphen between (`Stratford-…`)."""
    index = ellipsis - 1
    if index > 0 and tokens[index].text in ("-", "'", "’") and tokens[index].end == tokens[ellipsis].start:
        index, ellipsis = index - 1, index
    if index < 0 or tokens[index].end != tokens[ellipsis].start or is_address(tokens[index].text):
        return None
    return index if any(map(str.isalnum, tokens[index].text)) else None


def is_address(text: str) -> bool:
    """Return whether a word is a link, with a scheme or without: `https://t.co/ab`, `bit.ly/ab`."""
    return is_link(text) or _ADDRESS.match(text) is not None
