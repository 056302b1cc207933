"""Tokens of a text as read, at their offsets in the source; training and serving use the same code."""

from __future__ import annotations

from models.text.reading.source_map import ReadText
from models.text.tokenizer import Token, tokenize


def read_tokens(read: ReadText) -> list[Token]:
    """Return the tokens of the text as read (`&` for `&amp;`), each at its offsets in the source."""
    return in_source(read, tokenize(read.text))


def in_source(read: ReadText, tokens: list[Token]) -> list[Token]:
    """Return tokens of the text as read at their offsets in the source."""
    if read.text is read.source:
        return tokens
    return [Token(token.text, *read.to_source(token.start, token.end)) for token in tokens]
