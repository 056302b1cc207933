import json
from pathlib import Path

from training.alert_eval.our_way import parse_result
from training.alert_eval.report import write_report
from training.cli.evaluate_alerts import spread


def test_the_report_has_the_same_rows_for_people_and_machines(tmp_path: Path) -> None:
    """Every row is in both files; a value that was not measured is an empty cell, not a zero."""
    row = {"setting": "ours | network", "num_posts": 3, "entity_hit": 0.5, "theme_similar": None}
    write_report(tmp_path / "new", {"file": "dev.jsonl"}, [row])
    assert json.loads((tmp_path / "new" / "alerts.json").read_text())["rows"] == [row]
    table = (tmp_path / "new" / "alerts.md").read_text().splitlines()
    [line] = [line for line in table if line.startswith("| ours")]
    assert line.startswith("| ours · network | 3 |  |")
    assert "0.500" in line


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
    refused = parse_result({"outcome": "llm_refused", "error": "too long", "llm": cost}, "b")
    assert (refused.is_alert, refused.reason) == (False, "llm_refused")


def test_a_subset_is_spread_over_the_file() -> None:
    """A limit takes posts from every part of the file, because posts of a kind are together in it."""
    assert spread(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert spread([1, 2], 0) == spread([1, 2], 9) == [1, 2]
