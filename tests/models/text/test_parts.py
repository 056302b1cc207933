"""Long texts in parts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Entity, tokenize
from models.text.parts import CONTEXT_TOKENS, MAX_PART_TOKENS, Part, cut_into_parts, join_entities


@given(st.text("ab .!?#\n", max_size=400), st.integers(1, 60))
def test_parts_cover_a_text_without_gap(text: str, max_tokens: int) -> None:
    """Each token belongs to exactly one part, which is read with no more than the allowed neighbours."""
    tokens = tokenize(text)
    parts = cut_into_parts(tokens, max_tokens)
    assert [part.start for part in parts[:1]] == [0] * bool(tokens)
    assert sum(part.size for part in parts) == len(tokens)
    assert all(before.end == after.start for before, after in pairwise(parts))
    for part in parts:
        assert 0 < part.size <= max_tokens
        assert part.first == tokens[part.start].start
        context = slice(max(0, part.start - CONTEXT_TOKENS), part.end + CONTEXT_TOKENS)
        assert len(parts) == 1 or list(part.tokens) == tokens[context]


def test_a_text_within_the_limit_is_one_part() -> None:
    """The text as it is: no part has a neighbour."""
    tokens = tokenize("a " * MAX_PART_TOKENS)
    assert cut_into_parts(tokens) == [Part(tokens, 0, MAX_PART_TOKENS, 0)]
    assert len(cut_into_parts(tokenize("a " * (MAX_PART_TOKENS + 1)))) == 2
    assert cut_into_parts([]) == []


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("a b c d e f. g h i j", [7, 4]),  # at the end of a sentence
        ("a b c d e f g h-i .,;: j", [8, 5]),
        (",.;:" * 4, [8, 8]),  # no blank anywhere
        ("a. b c d e f g h i j", [8, 3]),  # the sentence ends too early
    ],
)
def test_a_part_ends_with_a_sentence_or_a_blank(text: str, sizes: list[int]) -> None:
    """It ends in the last quarter: after a sentence if it can, else at a blank, else anywhere."""
    assert [part.size for part in cut_into_parts(tokenize(text), 8)] == sizes


def _entity(start: int, end: int) -> Entity:
    return Entity("x" * (end - start), "LOC", start, end, 0.9)


def test_an_entity_belongs_to_the_part_in_which_it_begins() -> None:
    """At a border an entity is taken once, and whole; no two of the result overlap."""
    first, second = cut_into_parts(tokenize("a b c d e f g h"), 4)
    assert second.first == 8
    found = [
        (first, [_entity(0, 1), _entity(6, 11), _entity(12, 13)]),
        (second, [_entity(6, 9), _entity(8, 11)]),
    ]
    assert [(entity.start, entity.end) for entity in join_entities(found)] == [(0, 1), (6, 11)]
    found = [(first, [_entity(8, 9)]), (second, [_entity(8, 11), _entity(12, 13)])]
    assert [(entity.start, entity.end) for entity in join_entities(found)] == [(8, 11), (12, 13)]


@given(st.data())
def test_joined_entities_do_not_overlap(data: st.DataObject) -> None:
    """Whatever the parts' readings say, the result is in order and without overlap."""
    parts = cut_into_parts(tokenize("a " * 40), 10)
    found = []
    for part in parts:
        borders = data.draw(st.lists(st.integers(0, 80), unique=True).map(sorted))
        found.append((part, [_entity(a, b) for a, b in zip(borders[::2], borders[1::2], strict=False)]))
    joined = join_entities(found)
    assert all(before.end <= after.start for before, after in pairwise(joined))
