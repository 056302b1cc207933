import json
from pathlib import Path

import pytest

from training.alert_eval.gold_posts import NUM_OTHERS, GoldPost, gold_input, network_input, read_gold_posts
from training.alert_eval.matching import is_acceptable_entity
from training.errors import CorpusError
from training.writer.posts import AlertPair, read_alert_posts

GOLD = {
    "id": "d1",
    "text": "Fire at Port Alma, says Mayor Ines Roth of Greater Tolsburg",
    "alertable": True,
    "reason": None,
    "entities": ["Port Alma"],
    "themes": ["Port fire", "Fire"],
    "sentiment": "negative",
}
TRAINED = {
    "id": "t1",
    "text": "Fire at Port Alma",
    "alertable": True,
    "alerts": [{"theme": "Port fire", "entity": "Port Alma"}, {"theme": "Fire", "entity": "Port Alma"}],
    "entities": [{"text": "Port Alma", "type": None}],
    "sentiment": "negative",
}


def write(folder: Path, *lines: object) -> Path:
    file = folder / "posts.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def test_both_forms_name_the_acceptable_alerts(tmp_path: Path) -> None:
    """Posts to report on and held-out posts with pairs are read alike, best first and without repetition."""
    gold, trained = read_gold_posts(write(tmp_path, GOLD, TRAINED))
    assert (gold.entities, gold.themes) == (("Port Alma",), ("Port fire", "Fire"))
    assert (trained.entities, trained.themes) == (gold.entities, gold.themes)


@pytest.mark.parametrize(
    "change", [{"text": " "}, {"alertable": "yes"}, {"themes": []}, {"entities": None}], ids=str
)
def test_a_damaged_line_is_reported_with_its_number(tmp_path: Path, change: dict[str, object]) -> None:
    """Scores over posts that were read wrongly would be worthless."""
    file = write(tmp_path, GOLD, GOLD | change)
    with pytest.raises(CorpusError, match=r"posts\.jsonl:2: "):
        read_gold_posts(file)


def test_alerts_for_training_name_an_entity_of_the_post(tmp_path: Path) -> None:
    """An alert whose entity is nowhere in its post would teach the writer to invent."""
    [post] = read_alert_posts(write(tmp_path, TRAINED))
    assert post.alerts[0] == AlertPair("Port fire", "Port Alma")
    with pytest.raises(CorpusError, match="'Atlantis' is not a substring"):
        read_alert_posts(write(tmp_path, TRAINED | {"entities": [{"text": "Atlantis"}]}))


def test_three_others_hide_the_gold_entities() -> None:
    """The others stand in the text and are wrong answers; a post always gets the same ones."""
    post = GoldPost("d1", str(GOLD["text"]), True, None, ("Port Alma",), ("Fire",), "negative")
    given = gold_input(post)
    others = [entity for entity in given.entities or () if entity != "Port Alma"]
    assert len(others) == NUM_OTHERS
    assert all(entity in post.text and not is_acceptable_entity(entity, post.entities) for entity in others)
    assert given == gold_input(post)
    assert list(given.entities or ()) == sorted(given.entities or (), key=post.text.find)


def test_scores_with_the_networks_entities_use_no_gold() -> None:
    """Neither the gold entities nor the gold sentiment reach the network."""
    given = network_input(
        GoldPost("d1", "Fire at Port Alma", True, None, ("Port Alma",), ("Fire",), "negative")
    )
    assert (given.entities, given.sentiment) == (None, None)
