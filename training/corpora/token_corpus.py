"""Lines of the form `{"tokens": [...], "tags": [...]}` with IOB2 tags, and a `sentiment` where there is one."""

from collections.abc import Sequence
from typing import Any

from training.corpora.labelled_text import CharSpan, LabelledText, join_tokens


def parse_token_line(line: dict[str, Any]) -> LabelledText:
    """Read a tagged sentence; raises ValueError where tokens and tags do not fit together."""
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
        entities=tuple(_entities(tags, borders)),
        sentiment=_sentiment(line),
        fields={key: value for key, value in line.items() if key not in ("tokens", "tags", "sentiment")},
    )


def tag_problems(tags: Sequence[str]) -> list[tuple[int, str]]:
    """Return the index of each tag that is not IOB2 where it stands, and what is wrong."""
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


def _entities(tags: list[str], borders: tuple[tuple[int, int], ...]) -> list[CharSpan]:
    # The corpora hold a few types with hyphens (creative-work), so only the first hyphen separates.
    entities: list[CharSpan] = []
    for tag, (start, end) in zip(tags, borders, strict=True):
        prefix, _, entity_type = tag.partition("-")
        if prefix == "B":
            entities.append(CharSpan(start, end, entity_type))
        elif prefix == "I":
            entities[-1] = CharSpan(entities[-1].start, end, entity_type)
    return entities
