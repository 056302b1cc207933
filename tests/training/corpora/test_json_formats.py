import pytest

from training.corpora.json_formats import parse_alert_line
from training.corpora.labelled_text import CharSpan


def find(text: str, *entities: tuple[str, str]) -> list[tuple[str, str]]:
    listed = [{"text": name, "type": kind} for name, kind in entities]
    row = parse_alert_line({"id": "u1", "text": text, "entities": listed})
    assert row.entities is not None
    return [(text[span.start : span.end], span.type) for span in row.entities]


def test_every_occurrence_is_an_entity() -> None:
    """Otherwise the network would learn that half of the occurrences are not entities."""
    assert find("Oslo, oh Oslo", ("Oslo", "LOC")) == [("Oslo", "LOC"), ("Oslo", "LOC")]


def test_the_longest_entity_wins() -> None:
    """Entities inside other entities are left out: tags cannot nest."""
    assert find("New York Times", ("New York", "LOC"), ("New York Times", "ORG")) == [
        ("New York Times", "ORG")
    ]


def test_a_part_of_a_word_is_not_an_entity() -> None:
    """ "US" is not in "USA", nor "Pakistan" in "Pakistani"."""
    assert find("USA and Pakistani US", ("US", "LOC"), ("Pakistan", "LOC")) == [("US", "LOC")]


def test_an_entity_in_a_hashtag_takes_the_whole_of_it() -> None:
    """A hashtag is one token after its sign, so the entity inside it is that token."""
    assert find("help #NepalEarthquake", ("Nepal", "LOC")) == [("NepalEarthquake", "LOC")]


def test_lines_without_types_have_no_labels() -> None:
    """Lines with `t` ids list entities without a type: they are not labelled, which differs from having no entity."""
    row = parse_alert_line(
        {"id": "t1", "text": "@united thanks", "entities": [{"text": "united", "type": None}]}
    )
    assert row.entities is None


def test_a_typed_line_with_an_empty_list_says_that_there_are_none() -> None:
    """Lines with `u` ids label every entity, so an empty list says that there is none."""
    assert parse_alert_line({"id": "u1", "text": "so hot today", "entities": []}).entities == ()


@pytest.mark.parametrize(("row_id", "entities"), [("v00001", ()), (None, ()), ("t00001", None)])
def test_an_empty_list_says_nothing_only_where_types_are_missing(
    row_id: str | None, entities: tuple[()] | None
) -> None:
    """A line of `alert_hard`, or of one's own, has no entity; one of the half without types may have some."""
    assert parse_alert_line({"id": row_id, "text": "so hot today", "entities": []}).entities == entities


@pytest.mark.parametrize(
    "entity", [{"text": "Rome", "type": "LOC"}, {"text": "", "type": "LOC"}, {"text": "Oslo", "type": None}]
)
def test_damaged_entities_are_refused(entity: dict[str, str | None]) -> None:
    """An entity that is not a substring, or lacks text or type, damages its line."""
    with pytest.raises(ValueError, match="entity"):
        parse_alert_line({"id": "u1", "text": "Oslo", "entities": [entity]})


def test_the_sentiment_is_read_too() -> None:
    """Alert lines have both labels."""
    row = parse_alert_line({"id": "u1", "text": "Oslo", "entities": [], "sentiment": "neutral"})
    assert (row.sentiment, row.entities, CharSpan) == ("neutral", (), CharSpan)
