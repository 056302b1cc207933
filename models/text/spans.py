"""Two forms of the entities of a sentence: spans of tokens, and one tag for each token."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.config import TAG_SCHEMES


@dataclass(frozen=True, slots=True)
class Span:
    """The tokens from `start` up to, but not including, `end` are one entity of `type`."""

    start: int
    end: int
    type: str


class ScoredPlace(Protocol):
    """An entity of `type` in the characters from `start` up to, but not including, `end`, and its probability."""

    @property
    def type(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def score(self) -> float: ...


def is_continuation(previous: str, tag: str) -> bool:
    """Whether `tag` continues the entity of the tag before it, `previous`."""
    return tag[:2] in ("I-", "E-") and previous[:2] in ("B-", "I-") and previous[2:] == tag[2:]


def may_follow(previous: str, tag: str, scheme: str) -> bool:
    """Whether the scheme allows `tag` right after `previous`; both ends of a sentence count as `O`."""
    if is_continuation(previous, tag):
        return True
    must_go_on = scheme == "IOBES" and previous[:2] in ("B-", "I-")
    return not must_go_on and tag[:2] not in ("I-", "E-")


def spans_from_tags(tags: Sequence[str], scheme: str | None = None) -> list[Span]:
    """Return the entities that the tags spell out.

    Reading is strict: an entity must begin as the scheme says and, in IOBES, also end so; anything else is ignored.
    If `scheme` is None, the tags are IOBES if one of them is an E or S, and BIO otherwise.
    """
    is_iobes = scheme == "IOBES" if scheme else any(tag[:2] in ("E-", "S-") for tag in tags)
    spans: list[Span] = []
    start = None
    for position, tag in enumerate([*tags, "O"]):
        previous = tags[position - 1] if position else "O"
        if start is not None and not is_continuation(previous, tag):
            if not is_iobes or previous[:2] == "E-":
                spans.append(Span(start, position, previous[2:]))
            start = None
        if tag[:2] == "B-":
            start = position
        elif tag[:2] == "S-":
            spans.append(Span(position, position + 1, tag[2:]))
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Return the spans as `length` tags of `scheme`, BIO or IOBES.

    Raises:
        ValueError: spans overlap, or one lies outside the sentence.
    """
    tags = ["O"] * length
    for span in spans:
        if not 0 <= span.start < span.end <= length or any(t != "O" for t in tags[span.start : span.end]):
            raise ValueError(f"{span} overlaps another or lies outside {length} tokens")
        tags[span.start] = f"B-{span.type}"
        for position in range(span.start + 1, span.end):
            tags[position] = f"I-{span.type}"
        if "E" in TAG_SCHEMES[scheme]:
            tags[span.end - 1] = f"{'S' if span.end - span.start == 1 else 'E'}-{span.type}"
    return tags
