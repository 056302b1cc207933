import pytest

from training.corpora.label_mapping import NAMED_MAPPINGS, check_labels, map_entities, parse_mapping
from training.corpora.labelled_text import CharSpan
from training.errors import LabelError


def test_mappings_are_read_by_name_or_as_pairs() -> None:
    """A mapping is a known name or from=to pairs."""
    assert parse_mapping("wnut17") == NAMED_MAPPINGS["wnut17"]
    assert parse_mapping("person=PER,product=O") == {"person": "PER", "product": "O"}


@pytest.mark.parametrize("text", ["person", "=PER", "person=", "person=PER,", "wnut18"])
def test_a_mapping_that_cannot_be_read_is_refused(text: str) -> None:
    """Half a pair is a user's mistake."""
    with pytest.raises(LabelError, match="expected"):
        parse_mapping(text)


def test_entities_are_renamed_kept_or_dropped() -> None:
    """Named types are renamed, types mapped to O are dropped, others stay."""
    entities = [CharSpan(0, 1, "person"), CharSpan(2, 3, "product"), CharSpan(4, 5, "LOC")]
    mapped = map_entities(entities, {"person": "PER", "product": "O"})
    assert mapped == (CharSpan(0, 1, "PER"), CharSpan(4, 5, "LOC"))


def test_unknown_types_are_refused_with_the_remedy() -> None:
    """The message names every unknown type and the option that maps it."""
    check_labels({"PER"}, ("LOC", "PER"))
    with pytest.raises(LabelError, match=r"group, person .*--map group="):
        check_labels({"person", "group", "PER"}, ("LOC", "PER"))


def test_the_wnut17_mapping_covers_the_corpus() -> None:
    """All six types of WNUT-17 go to the four of CoNLL-2003."""
    assert set(NAMED_MAPPINGS["wnut17"].values()) == {"PER", "LOC", "ORG", "MISC"}
    assert len(NAMED_MAPPINGS["wnut17"]) == 6
