"""Lines of `alert_train`: a post and its entities as `{"text", "type"}`, each an exact substring of it."""

import re
from collections.abc import Iterator
from typing import Any

from training.corpora.labelled_text import CharSpan, LabelledText

# A hashtag or a handle is one word to a reader, so an entity inside it (`Nepal` of `#NepalEarthquake`) takes
# the whole of it after the sign; inside any other word (`Pakistan` of `Pakistani`) a substring is no entity.
_SIGNED_WORD = re.compile(r"(?<=[#@])\w+")


def parse_alert_line(line: dict[str, Any]) -> LabelledText:
    """Read a post with typed entities; entities are None where the line gives them no types (`t` ids)."""
    text, listed = line["text"], line["entities"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(listed, list) or not all(isinstance(entity, dict) for entity in listed):
        raise ValueError("`entities` must be a list of objects")
    is_typed = str(line.get("id", "")).startswith("u") or any(entity.get("type") for entity in listed)
    return LabelledText(
        text=text,
        entities=tuple(_locate(text, listed)) if is_typed else None,
        sentiment=line.get("sentiment"),
        fields={"id": line.get("id"), "source": line.get("source")},
    )


def _locate(text: str, listed: list[dict[str, Any]]) -> list[CharSpan]:
    """Find every occurrence of the listed entities; the longest wins where they overlap."""
    taken: list[CharSpan] = []
    for entity in sorted(listed, key=lambda entity: -len(str(entity.get("text", "")))):
        name, entity_type = entity.get("text"), entity.get("type")
        if not name or not isinstance(name, str) or not isinstance(entity_type, str):
            raise ValueError(f"entity {entity!r} lacks a text or a type")
        if name not in text:
            raise ValueError(f"entity {name!r} is no substring of the text")
        for start, end in _occurrences(text, name):
            if all(end <= other.start or start >= other.end for other in taken):
                taken.append(CharSpan(start, end, entity_type))
    return sorted(taken, key=lambda span: span.start)


def _occurrences(text: str, name: str) -> Iterator[tuple[int, int]]:
    signed_words = [match.span() for match in _SIGNED_WORD.finditer(text)]
    for match in re.finditer(re.escape(name), text):
        start, end = match.span()
        around = [word for word in signed_words if word[0] <= start and end <= word[1]]
        if around:
            yield around[0]
        elif not _is_inside_word(text, start, end):
            yield start, end


def _is_inside_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return (before.isalnum() and text[start].isalnum()) or (after.isalnum() and text[end - 1].isalnum())
