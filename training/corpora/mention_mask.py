"""User names: which entities are some, and replacing them by one stand-in in corpora that never tag them."""

import re

from training.corpora.labelled_text import CharSpan, LabelledText

MASKED_NAME = "user"
_MENTION_NAME = re.compile(r"(?<=@)\w+")


def is_mention(text: str, span: CharSpan) -> bool:
    """Return whether an entity is a user name, with its sign or without it."""
    return text[span.start] == "@" or text[span.start - 1 : span.start] == "@"


def mask_mentions(row: LabelledText) -> LabelledText:
    """Replace untagged user names by `@user` (TweetEval's form), moving the offsets of what follows.

    A tagged name stays: it is an exception that the corpus's annotators made, or the place in "@ Boston".
    """
    tagged = {index for span in row.entities or () for index in range(span.start, span.end)}
    edits = [match.span() for match in _MENTION_NAME.finditer(row.text) if match.start() not in tagged]

    def moved(position: int) -> int:
        shift = 0
        for start, end in edits:
            if position >= end:
                shift += len(MASKED_NAME) - (end - start)
            elif position > start:
                # A border inside a name moves to the name's end.
                return start + shift + len(MASKED_NAME)
        return position + shift

    return LabelledText(
        text=_replace(row.text, edits),
        borders=tuple((moved(start), moved(end)) for start, end in row.borders),
        entities=None
        if row.entities is None
        else tuple(CharSpan(moved(span.start), moved(span.end), span.type) for span in row.entities),
        sentiment=row.sentiment,
        fields=row.fields,
    )


def _replace(text: str, edits: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in edits:
        pieces += [text[position:start], MASKED_NAME]
        position = end
    return "".join([*pieces, text[position:]])
