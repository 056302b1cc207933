"""Whether a post supports a theme: by its words, by words that go with them, and where that cannot be known."""

from __future__ import annotations

import csv

import pytest

from pipeline.alert.evidence import Evidence, stems_of_post
from pipeline.alert.filters import check
from pipeline.alert.grounds.support import (
    MIN_KNOWN_SHARE,
    MIN_KNOWN_STEMS,
    Associations,
    shipped_associations,
)
from pipeline.offline import language_bench
from pipeline.offline.theme_support import Row, is_held_out, learn
from tests.pipeline.samples import annotated
from training.corpora import corpus

ENOUGH = "river bridge water people stuck house"
TABLE = Associations.of({"floo": ["rive", "wate"], "outa": ["powe", "dark"], "rive": [*ENOUGH.split()]})


@pytest.mark.parametrize(
    ("theme", "post", "is_supported"),
    [
        ("Outage", "rive brid wate peop stuc hous", False),
        ("Flood", "rive brid wate peop stuc hous", True),  # "river" goes with "flood"
        ("Outage flood", "rive brid wate peop stuc hous", True),  # one word is enough
        ("Outages", "rive brid wate peop stuc outa", True),  # the word itself
        ("Power-outage", "rive brid wate peop stuc hous", True),  # the table lacks "power": not judged
        ("The outage", "rive brid wate peop stuc hous", False),  # a function word hides nothing
    ],
)
def test_a_word_is_supported_by_itself_or_by_what_goes_with_it(
    theme: str, post: str, is_supported: bool
) -> None:
    """A theme is out only if none of its words is supported, and all of them are known."""
    table = Associations.of({**TABLE.of_theme, "rive": post.split()})
    assert table.support(theme, frozenset(post.split())) is is_supported


def test_a_post_of_too_few_known_words_is_not_judged() -> None:
    """With one known word less, with short words in its place, or among too many unknown ones, the theme stays."""
    known = frozenset(f"kno{index}" for index in range(MIN_KNOWN_STEMS))
    table = Associations.of({"outa": ["powe"], "rive": [*known, "de", "en"]})
    most = int(MIN_KNOWN_STEMS / MIN_KNOWN_SHARE) - MIN_KNOWN_STEMS
    unknown = frozenset(f"unk{index}" for index in range(most))
    assert not table.support("Outage", known)
    assert table.support("Outage", known - {"kno0"})
    assert table.support("Outage", known - {"kno0"} | {"de", "en"})
    assert not table.support("Outage", known | unknown)
    assert table.support("Outage", known | unknown | {"unk"})


@pytest.mark.parametrize("tag", ["#PowerOutage", "#poweroutage", "＃PowerOutage", "@PowerOutage"])
def test_hashtags_and_handles_count_by_their_words(tag: str) -> None:
    """Capitals are not needed."""
    assert {"powe", "outa"} <= stems_of_post(f"Nothing else in Alma {tag}")


def test_capital_letters_change_nothing() -> None:
    """A post that shouts, or one without capitals, has the same stems."""
    text = "The river rose over the bridge, people are stuck on roofs in Alma"
    assert stems_of_post(text.upper()) == stems_of_post(text.lower()) == stems_of_post(text)


def test_posts_of_other_languages_keep_their_alerts() -> None:
    """Themes are English whatever the post's language; none is lost for it."""
    file = next(iter(language_bench.__path__)) + "/sentences.tsv"
    with open(file, encoding="utf-8") as lines:  # noqa: PTH123 - csv wants the file
        posts = [
            row[1] for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] != "en"
        ]
    themes = ("Flood", "Power outage", "Earthquake", "Road crash")
    verdicts = [
        shipped_associations().support(theme, stems_of_post(post)) for post in posts for theme in themes
    ]
    assert len(verdicts) > 200
    assert all(verdicts)


def test_the_verdict_names_the_rule() -> None:
    """The shipped associations tell an outage from a flood."""
    text = "The river rose over the bridge, people are stuck on roofs in Alma, send boats"
    evidence = Evidence.of(annotated(text, ["Alma"]))
    assert check("Power outage: Alma", evidence).rejected_by == "theme_unsupported"
    assert check("Rescue: Alma", evidence).rejected_by is None


def test_associations_are_learnt_from_right_alerts_alone() -> None:
    """Words that stand beside a theme by chance, and themes that are wrong, teach nothing."""
    floods = [
        Row(f"f{index}", frozenset({"wate", "alma"}), (("right", "Flood"), ("not_said", "Fire")))
        for index in range(9)
    ]
    fires = [Row(f"g{index}", frozenset({"smok", "alma"}), (("right", "Fire"),)) for index in range(9)]
    found = learn([*floods, *fires]).of_theme
    assert found == {"floo": {"wate"}, "fire": {"smok"}}


def test_the_rows_held_out_are_those_of_training() -> None:
    """The pipeline may not import training, and says the same of every id."""
    ids = [f"v{index:04}" for index in range(500)]
    assert [is_held_out(row_id) for row_id in ids] == [corpus.is_held_out(row_id) for row_id in ids]
