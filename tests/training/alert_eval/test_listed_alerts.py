import json
from pathlib import Path

import pytest

from training.alert_eval.gold_posts import read_gold_posts
from training.alert_eval.listed_alerts import AlertPair, WrongAlert
from training.errors import CorpusError

HARD = {
    "id": "v1",
    "text": "No fire at Port Alma, says the mayor of Tolsburg",
    "source": "invented",
    "alertable": True,
    "alerts": [
        {"theme": "Fire denied", "entity": "Port Alma"},
        {"theme": "False alarm", "entity": "Tolsburg"},
    ],
    "wrong": [{"theme": "Fire", "entity": "Port Alma", "why": "denied"}],
    "entities": [{"text": "Port Alma", "type": "LOC"}],
    "sentiment": "neutral",
}
GOLD = {
    "id": "d1",
    "text": "No fire at Port Alma",
    "alertable": True,
    "entities": ["Port Alma"],
    "themes": ["Fire denied"],
    "sentiment": "neutral",
}


def write(folder: Path, *lines: object) -> Path:
    file = folder / "posts.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def test_a_hard_post_keeps_its_pairs_and_its_wrong_alerts(tmp_path: Path) -> None:
    """The pairs stay together beside the lists of themes and entities, and the source is known."""
    [post] = read_gold_posts(write(tmp_path, HARD))
    assert post.pairs == (AlertPair("Fire denied", "Port Alma"), AlertPair("False alarm", "Tolsburg"))
    assert (post.themes, post.entities) == (("Fire denied", "False alarm"), ("Port Alma", "Tolsburg"))
    assert post.wrong == (WrongAlert("Fire", "Port Alma", "denied"),)
    assert post.source == "invented"


@pytest.mark.parametrize(
    ("wrong_themes", "found"),
    [
        (["Fire"], WrongAlert("Fire")),
        (["Fire: Port Alma"], WrongAlert("Fire", "Port Alma")),
        ([{"theme": "Fire"}], WrongAlert("Fire")),
        (
            [{"theme": "Fire", "entity": "Port Alma", "why": "denied"}],
            WrongAlert("Fire", "Port Alma", "denied"),
        ),
        ([{"theme": "Fire", "entity": None, "why": None}], WrongAlert("Fire")),
    ],
    ids=str,
)
def test_a_gold_post_lists_wrong_themes_as_texts_or_objects(
    tmp_path: Path, wrong_themes: object, found: WrongAlert
) -> None:
    """Entity and reason are known only where the file gives them."""
    [post] = read_gold_posts(write(tmp_path, GOLD | {"wrong_themes": wrong_themes}))
    assert post.wrong == (found,)
    assert post.pairs == ()


@pytest.mark.parametrize("line", [GOLD, GOLD | {"wrong_themes": None}, GOLD | {"wrong_themes": []}], ids=str)
def test_a_post_may_list_nothing_wrong(tmp_path: Path, line: object) -> None:
    """Most gold files have no such key."""
    assert read_gold_posts(write(tmp_path, line))[0].wrong == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wrong": "Fire"}, "`wrong` must be a list, found str"),
        ({"wrong": {"theme": "Fire"}}, "`wrong` must be a list, found dict"),
        ({"wrong": [7]}, "`wrong` must hold objects with theme, found 7"),
        ({"wrong": [{"entity": "Port Alma"}]}, "`theme` in `wrong` must be a non-empty string, found None"),
        (
            {"wrong": [{"theme": "Fire", "entity": 3}]},
            "`entity` in `wrong` must be a non-empty string, found 3",
        ),
        ({"wrong": [{"theme": "Fire", "why": []}]}, "`why` in `wrong` must be a non-empty string"),
        ({"wrong_themes": [" : Port Alma"]}, "`wrong_themes` holds a text without a theme"),
        ({"alerts": {"theme": "Fire"}}, "`alerts` must be a list, found dict"),
        ({"alerts": [{"theme": "Fire"}]}, "`entity` in `alerts` must be a non-empty string"),
        ({"alerts": []}, "`alertable` is true, but an acceptable entity or theme is missing"),
    ],
    ids=str,
)
def test_a_damaged_list_is_an_error_that_says_what_is_wrong(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """A wrong alert that was read as none would make a row look truer than it is."""
    with pytest.raises(CorpusError) as caught:
        read_gold_posts(write(tmp_path, HARD, HARD | change))
    assert f"posts.jsonl:2: {message}" in str(caught.value)
