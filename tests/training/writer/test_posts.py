import json
from pathlib import Path

import pytest

from training.errors import CorpusError
from training.writer.posts import AlertPair, JudgedAlert, read_alert_posts, read_verdicts, with_verdicts

LINE = {
    "id": "v1",
    "text": "No fire at Rivo in Tolsburg, says Mayor Roth",
    "alerts": [{"theme": "False alarm", "entity": "Rivo"}],
    "wrong": [
        {"theme": "Fire", "entity": "Rivo", "why": "denied"},
        {"theme": "Resignation", "entity": "Roth", "why": "not_said"},
    ],
    "entities": [{"text": "Rivo", "type": "ORG"}],
    "sentiment": "neutral",
}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def test_wrong_alerts_are_read_with_the_weight_of_their_reason(tmp_path: Path) -> None:
    """What a post does not say may be true all the same, so such a label weighs less."""
    [post] = read_alert_posts(write(tmp_path / "posts.jsonl", LINE))
    assert post.judged == (
        JudgedAlert(AlertPair("Fire", "Rivo"), is_true=False, weight=1.0),
        JudgedAlert(AlertPair("Resignation", "Roth"), is_true=False, weight=0.5),
    )


def test_a_file_without_wrong_alerts_is_read(tmp_path: Path) -> None:
    """`alert_train` has none."""
    [post] = read_alert_posts(
        write(tmp_path / "posts.jsonl", {key: value for key, value in LINE.items() if key != "wrong"})
    )
    assert post.judged == ()


@pytest.mark.parametrize(
    "wrong", [["Fire: Rivo"], [{"theme": "Fire"}], 7, [{"theme": "Fire", "entity": "Paris"}]]
)
def test_a_damaged_wrong_alert_is_reported(tmp_path: Path, wrong: object) -> None:
    """A label that cannot be read would teach the judge nothing, silently."""
    with pytest.raises(CorpusError, match=r"alert_hard|not a substring"):
        read_alert_posts(write(tmp_path / "posts.jsonl", LINE | {"wrong": wrong}))


def test_verdicts_come_to_their_posts(tmp_path: Path) -> None:
    """They stand beside the listed wrong alerts; a weak alert is a no with less weight."""
    sample = {"id": "v1", "theme": "Denial", "entity": "Rivo"}
    file = write(
        tmp_path / "verdicts.jsonl",
        sample | {"verdict": "true"},
        sample | {"theme": "Mayor speech", "verdict": "weak"},
        sample | {"id": "v2", "verdict": "false"},
    )
    posts = read_alert_posts(write(tmp_path / "posts.jsonl", LINE))
    [post] = with_verdicts(posts, read_verdicts(file))
    assert post.judged[2:] == (
        JudgedAlert(AlertPair("Denial", "Rivo"), is_true=True, weight=1.0),
        JudgedAlert(AlertPair("Mayor speech", "Rivo"), is_true=False, weight=0.5),
    )


@pytest.mark.parametrize("change", [{"verdict": "maybe"}, {"verdict": True}, {"theme": None}])
def test_a_damaged_verdict_is_reported(tmp_path: Path, change: dict[str, object]) -> None:
    """The line is named."""
    line = {"id": "v1", "theme": "Fire", "entity": "Rivo", "verdict": "false"} | change
    with pytest.raises(CorpusError, match=r"line 1|:1"):
        read_verdicts(write(tmp_path / "verdicts.jsonl", line))
