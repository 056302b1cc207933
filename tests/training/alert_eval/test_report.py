import json
from pathlib import Path

import pytest

from training.alert_eval.our_way import parse_result
from training.alert_eval.report.page import write_report
from training.cli.evaluate_alerts import chosen_posts, spread
from training.corpora.corpus import is_held_out
from training.errors import RecipeError


def test_the_report_has_the_same_rows_for_people_and_machines(tmp_path: Path) -> None:
    """Every row is in both files; a value that was not measured is an empty cell, not a zero."""
    row = {"setting": "ours | network", "num_posts": 3, "entity_hit": 0.5, "theme_similar": None}
    write_report(tmp_path / "new", {"file": "dev.jsonl"}, [row])
    assert json.loads((tmp_path / "new" / "alerts.json").read_text())["rows"] == [row]
    table = (tmp_path / "new" / "alerts.md").read_text().splitlines()
    line, truth = [line for line in table if line.startswith("| ours")]
    assert line.startswith("| ours · network | 3 |  |")
    assert "0.500" in line
    assert truth.startswith("| ours · network |  |")
    assert not (tmp_path / "new" / "reliability.svg").exists()


def test_a_line_of_the_pipeline_becomes_an_outcome() -> None:
    """Alert, reason, samples and costs are read; a line may have no samples."""
    cost = {"prompt_tokens": 7, "completion_tokens": 3, "seconds": 0.25}
    line = {
        "outcome": "alert",
        "theme": "Flood",
        "entity": "Alma",
        "samples": [{"text": "Flood: Alma"}],
        "llm": cost,
    }
    outcome = parse_result(line, "a")
    assert (outcome.theme, outcome.num_tokens, outcome.samples) == ("Flood", 10, ("Flood: Alma",))
    assert outcome.confidence is None
    assert parse_result(line | {"confidence": 0.75}, "a").confidence == 0.75
    refused = parse_result({"outcome": "llm_refused", "error": "too long", "llm": cost}, "b")
    assert (refused.is_alert, refused.reason) == (False, "llm_refused")


def test_a_subset_is_spread_over_the_file() -> None:
    """A limit takes posts from every part of the file, because posts of a kind are together in it."""
    assert spread(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert spread([1, 2], 0) == spread([1, 2], 9) == [1, 2]


def test_held_out_posts_are_those_that_no_training_saw(tmp_path: Path) -> None:
    """The choice is that of the corpora; a file without such a post is refused rather than scored as empty."""
    names = [f"v{number:04}" for number in range(40)]
    lines = [
        json.dumps({"id": name, "text": "lovely day", "alertable": False, "alerts": []}) for name in names
    ]
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(lines))
    held_out = [name for name in names if is_held_out(name)]
    assert 0 < len(held_out) < len(names)
    assert [post.id for post in chosen_posts(file, held_out=True)] == held_out
    assert [post.id for post in chosen_posts(file, held_out=False)] == names
    file.write_text("\n".join(line for line in lines if json.loads(line)["id"] not in held_out))
    with pytest.raises(RecipeError, match="none of the"):
        chosen_posts(file, held_out=True)
