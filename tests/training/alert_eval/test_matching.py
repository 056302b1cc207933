import subprocess
import sys

import pytest

from training.alert_eval.matching import (
    has_acceptable_head,
    head_word,
    is_acceptable_entity,
    is_date_theme,
    is_exact_theme,
)


@pytest.mark.parametrize(
    ("entity", "acceptable", "is_hit"),
    [
        ("nepal", "Nepal", True),
        ("#NepalEarthquake", "Nepal", True),
        ("St . Vincent", "St. Vincent", True),
        ("AT&amp;T", "AT&T", True),
        ("Colorado governor", "Colorado", True),
        ("Pakistani", "Pakistan", False),
        ("Belarus", "US", False),
        ("the whole of a sentence about Nepal", "Nepal", False),
        ("", "Nepal", False),
    ],
)
def test_an_entity_counts_if_one_holds_the_other(entity: str, acceptable: str, is_hit: bool) -> None:
    """Whole words and hashtag parts count, parts of other words and sentences do not."""
    assert is_acceptable_entity(entity, [acceptable]) is is_hit


@pytest.mark.parametrize(
    ("theme", "head"),
    [
        ("Power outages", "outage"),
        ("Fire ban lifted", "ban"),
        ("Clashes", "clash"),
        ("Casualties", "casualty"),
        ("Loss", "loss"),
        ("Stranded", "stranded"),
        ("", ""),
    ],
)
def test_the_head_is_the_last_noun_in_the_singular(theme: str, head: str) -> None:
    """Plurals and trailing participles do not hide a match."""
    assert head_word(theme) == head


def test_exact_and_head_matches_are_kept_apart() -> None:
    """A theme with the same head and other words matches by its head alone, an empty one by nothing."""
    assert is_exact_theme("power OUTAGE", ["Power outage"])
    assert not is_exact_theme("Regional outage", ["Power outage"])
    assert has_acceptable_head("Regional outages", ["Power outage"])
    assert not has_acceptable_head("Outage report", ["Power outage"])
    assert not has_acceptable_head("", ["Power outage"])


@pytest.mark.parametrize(
    ("theme", "is_date"),
    [
        ("2023-01-15", True),
        ("Monday", True),
        ("June", True),
        ("May flooding", False),
        ("3 dead", True),
        ("", False),
    ],
)
def test_dates_and_numbers_are_not_themes(theme: str, is_date: bool) -> None:
    """Such themes pass the paper's filter and are counted as dates; an event in May is not one."""
    assert is_date_theme(theme) is is_date


def test_the_embedding_model_leaves_the_log_as_it_was() -> None:
    """Its package switches on INFO for all libraries, and an evaluation makes hundreds of HTTP requests."""
    pytest.importorskip("wordllama", reason="wordllama is not installed (the extra `training`)")
    program = (
        "import logging; from training.alert_eval.matching import load_similarity; "
        "similarity = load_similarity(); print(logging.getLogger().level, similarity('Flood', ['flood']) > 0.9)"
    )
    # Not pytest's logger, which pytest sets up itself.
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["30", "True"]
