"""Spans to tags and back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Span, spans_from_tags, tags_from_spans
from models.text.spans import may_follow


@st.composite
def spans_and_length(draw: st.DrawFn) -> tuple[list[Span], int]:
    spans, position = [], 0
    for gap, width, kind in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["LOC", "PER"])), max_size=5)
    ):
        spans.append(Span(position + gap, position + gap + width, kind))
        position += gap + width
    return spans, position + draw(st.integers(0, 2))


@given(spans_and_length(), st.sampled_from(["BIO", "IOBES"]))
def test_spans_survive_the_round_trip(case: tuple[list[Span], int], scheme: str) -> None:
    """Spans written as tags and read again are the same, and the scheme allows the tags."""
    spans, length = case
    tags = tags_from_spans(spans, length, scheme)
    assert spans_from_tags(tags, scheme) == spans
    path = ["O", *tags, "O"]
    assert all(may_follow(before, tag, scheme) for before, tag in pairwise(path))


@given(spans_and_length())
def test_the_scheme_is_recognised(case: tuple[list[Span], int]) -> None:
    """IOBES tags are read as IOBES if no scheme is named, because each of their entities has an S or an E."""
    spans, length = case
    assert spans_from_tags(tags_from_spans(spans, length, "IOBES")) == spans
    assert spans_from_tags(tags_from_spans(spans, length, "BIO")) == spans


@pytest.mark.parametrize(
    ("tags", "scheme", "spans"),
    [
        ("O I-LOC I-LOC", "BIO", []),
        ("B-LOC I-PER", "BIO", [Span(0, 1, "LOC")]),
        ("B-LOC B-LOC I-LOC", "BIO", [Span(0, 1, "LOC"), Span(1, 3, "LOC")]),
        ("B-LOC O", "IOBES", []),
        ("B-LOC E-PER", "IOBES", []),
        ("S-LOC E-LOC", "IOBES", [Span(0, 1, "LOC")]),
        ("B-LOC I-LOC E-LOC S-PER", "IOBES", [Span(0, 3, "LOC"), Span(3, 4, "PER")]),
    ],
)
def test_broken_tags_are_not_entities(tags: str, scheme: str, spans: list[Span]) -> None:
    """Tags that do not begin, continue or end an entity by the rules are ignored."""
    assert spans_from_tags(tags.split(), scheme) == spans


def test_overlapping_spans_are_refused() -> None:
    """Two entities on one token, or one beyond the end, are errors."""
    for spans in ([Span(0, 2, "LOC"), Span(1, 3, "PER")], [Span(2, 4, "LOC")], [Span(1, 1, "LOC")]):
        with pytest.raises(ValueError, match="overlaps another or lies outside 3 tokens"):
            tags_from_spans(spans, 3, "BIO")
