"""Configurations, and the variants by letter."""

import json
from dataclasses import replace

import pytest

from models import VARIANTS, ConfigError, ModelConfig


def test_variants_are_the_papers() -> None:
    """The flags of A-E are those of the paper's section 6, and F is D with characters."""
    flags = {k: (c.use_char_embs, c.use_separate_lstms, c.use_syn_lstm) for k, c in VARIANTS.items()}
    assert flags == {
        "A": (True, True, True),
        "B": (False, True, True),
        "C": (False, False, True),
        "D": (False, False, False),
        "E": (True, False, True),
        "F": (True, False, False),
    }
    assert [letter for letter, config in VARIANTS.items() if config.needs_parse] == ["A", "B", "C", "E"]


@pytest.mark.parametrize("letter", VARIANTS)
def test_json_round_trip(letter: str) -> None:
    """A configuration survives JSON."""
    config = replace(VARIANTS[letter], tag_scheme="IOBES", word_dropout=0.0)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_all_mistakes_are_listed_at_once() -> None:
    """Unknown keys, wrong types and missing flags come in one error."""
    values = {"use_char_embs": 1, "hidden_size": "big", "entity_types": "LOC", "speed": 3, "use_crf": True}
    with pytest.raises(ConfigError) as caught:
        ModelConfig.from_dict(values)
    assert set(caught.value.mistakes) == {
        "speed: unknown key",
        "use_char_embs=1: expected bool",
        "hidden_size='big': expected int",
        "entity_types='LOC': expected a list of strings",
        "use_separate_lstms: missing",
        "use_syn_lstm: missing",
    }


def test_bad_values_are_listed_at_once() -> None:
    """Sizes, probabilities, names and labels out of range come in one error."""
    with pytest.raises(ConfigError) as caught:
        replace(
            VARIANTS["F"],
            hidden_size=0,
            word_dropout=1.0,
            tag_scheme="BILOU",
            sentiment_loss="hinge",
            entity_types=("LOC", "LOC"),
            sentiment_labels=(),
        )
    assert len(caught.value.mistakes) == 6


def test_tags_follow_scheme_and_types() -> None:
    """O comes first, then each type with the scheme's prefixes."""
    config = replace(VARIANTS["F"], entity_types=("LOC", "PER"))
    assert config.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert replace(config, tag_scheme="IOBES").tags[1:5] == ("B-LOC", "I-LOC", "E-LOC", "S-LOC")


def test_guidelines_are_names_and_the_default_is_one_of_them() -> None:
    """A name that stands twice, and a default that is not among the names, are refused."""
    with pytest.raises(ConfigError) as caught:
        replace(VARIANTS["F"], sources=("btc", "btc"), default_source="wnut17")
    assert len(caught.value.mistakes) == 2
    assert replace(VARIANTS["F"], sources=("btc",), default_source="btc").default_source == "btc"


@pytest.mark.parametrize("name", ["alerts", "unknown"])
def test_a_head_of_its_own_is_for_a_source_that_is_not_served(name: str) -> None:
    """The default source has the head that every network has, and an unknown one would never be asked."""
    sources = ("alerts", "tweeteval")
    with pytest.raises(ConfigError, match="sentiment_sources"):
        replace(VARIANTS["F"], sources=sources, default_source="alerts", sentiment_sources=(name,))
