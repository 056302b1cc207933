"""The three kinds of JSON lines that a corpus file may hold.

- `{"tokens": [...], "tags": [...]}` with IOB2 tags, and a `sentiment` if there is one;
- `{"text": ..., "entities": [{"text": ..., "type": ...}]}`, a line of `alert_train` or `alert_hard`: each entity is
  an exact substring of the text;
- `{"text": ..., "label": "positive|negative|neutral"}`.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.corpora.labelled_text import CharSpan, LabelledText, join_tokens

# A hashtag or a handle is one word to a reader, so an entity inside it (`Nepal` of `#NepalEarthquake`) takes
# the whole of it after the sign. Inside any other word (`Pakistan` of `Pakistani`) a substring is not an entity.
_SIGNED_WORD = re.compile(r"(?<=[#@])\w+")
# TweetEval keeps JSON escapes as literal characters: the six characters \u2019 stand for an apostrophe.
_LITERAL_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse_token_line(line: dict[str, Any]) -> LabelledText:
    """Read a tagged sentence; raises ValueError if tokens and tags do not fit together."""
    tokens, tags = line["tokens"], line["tags"]
    _check_strings("tokens", tokens)
    _check_strings("tags", tags)
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens but {len(tags)} tags")
    if wrong := tag_problems(tags):
        raise ValueError("; ".join(f"tag {index + 1}: {problem}" for index, problem in wrong))
    text, borders = join_tokens(tokens)
    return LabelledText(
        text=text,
        borders=borders,
        entities=tuple(_tagged_entities(tags, borders)),
        sentiment=_sentiment(line),
        fields={key: value for key, value in line.items() if key not in ("tokens", "tags", "sentiment")},
    )


def tag_problems(tags: Sequence[str]) -> list[tuple[int, str]]:
    """Return the index of each tag that is not IOB2 after the tag before it, and what is wrong."""
    return [
        (index, f"{tag!r} after {before!r} is not IOB2")
        for index, (before, tag) in enumerate(zip(["O", *tags], tags, strict=False))
        if not _is_iob2(before, tag)
    ]


def _is_iob2(before: str, tag: str) -> bool:
    prefix, _, entity_type = tag.partition("-")
    if tag == "O" or (prefix == "B" and entity_type):
        return True
    return prefix == "I" and bool(entity_type) and before[:2] in ("B-", "I-") and before[2:] == entity_type


def _sentiment(line: dict[str, Any]) -> str | None:
    sentiment = line.get("sentiment")
    if sentiment is not None and (not isinstance(sentiment, str) or not sentiment):
        raise ValueError("`sentiment` must be a non-empty string")
    return sentiment


def _check_strings(name: str, values: object) -> None:
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ValueError(f"`{name}` must be a list of non-empty strings")


def _tagged_entities(tags: list[str], borders: tuple[tuple[int, int], ...]) -> list[CharSpan]:
    # The corpora hold a few types with hyphens (creative-work), so only the first hyphen separates.
    entities: list[CharSpan] = []
    for tag, (start, end) in zip(tags, borders, strict=True):
        prefix, _, entity_type = tag.partition("-")
        if prefix == "B":
            entities.append(CharSpan(start, end, entity_type))
        elif prefix == "I":
            entities[-1] = CharSpan(entities[-1].start, end, entity_type)
    return entities


def parse_alert_line(line: dict[str, Any]) -> LabelledText:
    """Read a post with typed entities; entities are None if the line gives them no types (`t` ids)."""
    text, listed = line["text"], line["entities"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(listed, list) or not all(isinstance(entity, dict) for entity in listed):
        raise ValueError("`entities` must be a list of objects")
    # The first half of `alert_train` (`t` ids) gives no types, so an empty list says nothing there.
    half = str(line.get("id", ""))[:1]
    is_typed = half == "u" or any(entity.get("type") for entity in listed) or (not listed and half != "t")
    return LabelledText(
        text=text,
        entities=tuple(locate(text, listed)) if is_typed else None,
        sentiment=line.get("sentiment"),
        fields={"id": line.get("id"), "source": line.get("source")},
    )


def locate(text: str, listed: Sequence[Mapping[str, Any]]) -> list[CharSpan]:
    """Find every occurrence of the listed entities; if two overlap, the longest wins.

    Raises:
        ValueError: an entity lacks a text or a type, or is not a substring of the text.
    """
    taken: list[CharSpan] = []
    for entity in sorted(listed, key=lambda entity: -len(str(entity.get("text", "")))):
        name, entity_type = entity.get("text"), entity.get("type")
        if not name or not isinstance(name, str) or not isinstance(entity_type, str):
            raise ValueError(f"entity {entity!r} lacks a text or a type")
        if name not in text:
            raise ValueError(f"entity {name!r} is not a substring of the text")
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


def decode_escapes(text: str) -> str:
    """Undo literal \\uXXXX escapes and HTML entities, as the TweetEval files still hold them."""
    unescaped = _LITERAL_ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    # Two halves of a surrogate pair become one character; a lone half would break UTF-8 output later.
    joined = unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.unescape(joined)


def parse_sentiment_line(line: dict[str, Any]) -> LabelledText:
    """Read a text with its sentiment; raises ValueError if one of the two is missing."""
    text, label = line["text"], line["label"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(label, str) or not label:
        raise ValueError("`label` must be a non-empty string")
    return LabelledText(
        text=decode_escapes(text),
        sentiment=label,
        fields={key: value for key, value in line.items() if key not in ("text", "label")},
    )
