"""What of a reading with hashtags as words counts."""

import pytest

from models import Entity, tokenize
from models.text.hashtags.second_reading import hashtags_as_words, merge

TEXT = "Help #PrayForNepal Power is out"
WHOLE = "PrayForNepal"


def _entity(text: str, type_: str = "LOC", score: float = 0.9) -> Entity:
    start = TEXT.index(text)
    return Entity(text, type_, start, start + len(text), score)


def test_hashtags_are_read_as_words_at_their_places() -> None:
    """The words of a hashtag stand at their offsets, and a colon without extent stands after them."""
    words = hashtags_as_words(tokenize("so #PrayForNepal, now #fire"))
    assert words is not None
    assert [(word.text, word.start, word.end) for word in words] == [
        ("so", 0, 2),
        ("#", 3, 4),
        ("Pray", 4, 8),
        ("For", 8, 11),
        ("Nepal", 11, 16),
        (":", 16, 16),
        (",", 16, 17),
        ("now", 18, 21),
        ("#", 22, 23),
        ("fire", 23, 27),
    ]


@pytest.mark.parametrize("text", ["", "Fire in Athens", "#fire #Nepal # PrayForNepal", "PrayForNepal #"])
def test_a_text_without_such_hashtags_is_read_once(text: str) -> None:
    """One word after a hash, or a blank between them, is nothing to cut."""
    assert hashtags_as_words(tokenize(text)) is None


def test_words_far_from_a_hashtag_are_left_out() -> None:
    """A long text is not read twice because of one hashtag."""
    words = hashtags_as_words(tokenize("word " * 300 + "#PrayForNepal" + " word" * 300))
    assert words is not None
    assert len(words) < 40


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        # a part takes the place of the whole
        ([_entity(WHOLE)], [_entity("Nepal")], ["Nepal"]),
        ([_entity(WHOLE, "MISC")], [_entity("Nepal", "MISC")], [WHOLE]),
        ([_entity(WHOLE)], [_entity(WHOLE, "MISC")], [WHOLE]),
        ([_entity(WHOLE)], [_entity("Nepal", score=0.4)], [WHOLE]),
        ([_entity(WHOLE, score=0.6)], [_entity("Nepal", score=0.4)], ["Nepal"]),
        # out of the hashtag
        ([_entity("PrayForNepal Power")], [_entity("Nepal")], ["Nepal"]),
        ([_entity("PrayForNepal Power")], [], []),
        ([_entity("PrayForNepal Power")], [_entity("Nepal Power")], ["PrayForNepal Power"]),
        # doubts
        ([_entity(WHOLE, score=0.4)], [], []),
        ([_entity(WHOLE, score=0.6)], [], [WHOLE]),
        # a new one
        ([], [_entity("Nepal", score=0.8)], ["Nepal"]),
        ([], [_entity("Nepal", score=0.5)], []),
        ([], [_entity("Nepal", "PER")], []),
        # elsewhere the first reading counts
        (
            [_entity("Help", "ORG"), _entity("out")],
            [_entity("Nepal"), _entity("Power")],
            ["Help", "Nepal", "out"],
        ),
    ],
)
def test_the_second_reading_counts_in_hashtags(
    first: list[Entity], second: list[Entity], merged: list[str]
) -> None:
    """It refines what was found in a hashtag, and says nothing about the rest of the text."""
    assert [entity.text for entity in merge(tokenize(TEXT), first, second)] == merged
