"""The word that an ellipsis cuts off at the end of a text, as Twitter, feeds and previews do."""

from __future__ import annotations

from collections.abc import Sequence

from models.text.tokenizer import Token
from models.text.word_forms import is_link


def cut_word(tokens: Sequence[Token]) -> int | None:
    """Return the index of the token that the ellipsis at the end touches; None if no word is cut off.

    Links may follow the ellipsis, and a link may be cut itself. A word that stands whole elsewhere in the text is taken
    to be whole here, too.
    """
    index = len(tokens) - 1
    while index > 0:
        before, token = tokens[index - 1], tokens[index]
        if is_link(token.text):
            index -= 1
        elif not _is_ellipsis(token.text):
            return None
        elif is_link(before.text):
            index -= 2
        elif before.end != token.start or _stands_whole(before, tokens[: index - 1]):
            return None
        else:
            return index - 1
    return None


def _is_ellipsis(text: str) -> bool:
    return text.startswith(("…", "..."))


def _stands_whole(word: Token, others: Sequence[Token]) -> bool:
    return any(other.text.casefold() == word.text.casefold() for other in others)
