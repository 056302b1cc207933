import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.our_way import _environment
from training.alert_eval.report.page import to_markdown, write_report
from training.alert_eval.rows import PostResult, find_rows
from training.alert_eval.scores.confidence import THRESHOLDS, reliability, score_confidence, thresholds

DUE = GoldPost("a", "Floods hit Tolsburg", True, None, ("Tolsburg",), ("Floods",), "negative")
NOT_DUE = GoldPost("b", "lovely day in Alma", False, "no_event", (), (), "positive")


def alert(confidence: float | None, theme: str = "Floods", entity: str = "Tolsburg") -> PostResult:
    return PostResult("x", theme, entity, "alert", 10, 0.5, confidence=confidence)


DOUBTED = PostResult("x", None, None, "doubtful", 10, 0.5, confidence=0.1)
MIXED = [
    (DUE, alert(0.9)),
    (DUE, alert(0.9, "Strike")),
    (DUE, alert(0.8)),
    (DUE, alert(0.3, entity="Alma")),
    (NOT_DUE, alert(0.6)),
    (DUE, alert(None)),
    (DUE, DOUBTED),
]


def test_calibration_error_is_the_weighted_distance_of_each_bin() -> None:
    """Bins 0.9 (two alerts, half right), 0.8 (right), 0.3 and 0.6 (wrong): 2 x 0.4 + 0.2 + 0.3 + 0.6, over five."""
    scores = score_confidence(MIXED)
    assert scores["ece"] == pytest.approx((2 * 0.4 + 0.2 + 0.3 + 0.6) / 5)
    assert scores["num_confident"] == 5
    assert (scores["accuracy_at_80"], scores["alerts_at_80"]) == (pytest.approx(2 / 3, abs=1e-4), 3)


def test_confidence_that_is_the_share_right_has_no_error() -> None:
    """Half of the alerts at 0.5 are right; all at 1 are."""
    pairs = [(DUE, alert(0.5)), (DUE, alert(0.5, "Strike")), (DUE, alert(1.0))]
    assert score_confidence(pairs)["ece"] == 0.0


@pytest.mark.parametrize(
    ("confidence", "index"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.6999, 6), (0.95, 9), (1.0, 9)]
)
def test_a_bin_holds_its_lower_bound(confidence: float, index: int) -> None:
    """One is in the last bin, and no rounding moves a bound into the bin below."""
    counts = [row["alerts"] for row in reliability([(DUE, alert(confidence))])]
    assert counts == [int(at == index) for at in range(10)]


def test_without_confidences_nothing_is_known() -> None:
    """Neither an alert without one nor what was held back counts."""
    scores = score_confidence([(DUE, alert(None)), (DUE, DOUBTED)])
    assert (scores["ece"], scores["num_confident"]) == (None, 0)
    assert (scores["accuracy_at_80"], scores["alerts_at_80"]) == (None, 0)
    assert (scores["reliability"], scores["thresholds"]) == ([], [])


def test_no_alert_above_the_mark_has_no_accuracy() -> None:
    """A row that is never sure is not always wrong when it is."""
    scores = score_confidence([(DUE, alert(0.79))])
    assert (scores["accuracy_at_80"], scores["alerts_at_80"]) == (None, 0)


def test_the_threshold_table_says_what_is_left_and_how_much_of_it_is_right() -> None:
    """A threshold holds alerts of just that confidence; due posts are six, whether or not they were alerted."""
    rows = {row["threshold"]: row for row in thresholds(MIXED)}
    assert tuple(rows) == THRESHOLDS
    assert rows[0.0] == {
        "threshold": 0.0, "alerts": 5, "alerts_left": 1.0, "due_left": 0.6667, "right": 0.4, "false": 0.2
    }  # fmt: skip
    assert rows[0.8] == {
        "threshold": 0.8, "alerts": 3, "alerts_left": 0.6, "due_left": 0.5, "right": 0.6667, "false": 0.0
    }  # fmt: skip
    assert rows[0.95] == {
        "threshold": 0.95, "alerts": 0, "alerts_left": 0.0, "due_left": 0.0, "right": None, "false": None
    }  # fmt: skip


def test_the_report_shows_both_tables_and_a_diagram(tmp_path: Path) -> None:
    """The diagram is well-formed and has a bar and a dot for each bin that holds alerts."""
    row = {"setting": "a <b> | network", **score_confidence(MIXED)}
    write_report(tmp_path, {}, [row, {"setting": "none", **score_confidence([])}])
    page = (tmp_path / "alerts.md").read_text()
    assert "| 0.800 | 3 | 0.600 | 0.500 | 0.667 | 0.000 |" in page
    assert "| 0.900 | 1.000 | 2 | 0.900 | 0.500 |" in page
    assert page.count("## Confidence: ") == 1
    drawing = ElementTree.parse(tmp_path / "reliability.svg").getroot()
    shapes = [element.get("class") for element in drawing.iter()]
    assert (shapes.count("bar"), shapes.count("dot")) == (4, 4)
    assert "a <b> | network: ECE 0.380, 5 alerts" in [element.text for element in drawing.iter()]


def test_a_table_cell_without_a_value_is_empty() -> None:
    """No alert left has no share right: the cell is empty, not 0."""
    page = to_markdown({}, [{"setting": "ours", **score_confidence(MIXED)}])
    assert "| 0.950 | 0 | 0.000 | 0.000 |  |  |" in page


def test_only_judging_rows_set_the_least_confidence() -> None:
    """A judge's row holds nothing back; another row has no judged confidence to hold back by."""
    judge, ours = find_rows(["judge", "ours"])
    assert _environment(judge)["TOCSIN_MIN_CONFIDENCE"] == "0"
    assert _environment(judge)["TOCSIN_CANDIDATE_PROMPT"] == "writer-v2"
    assert "TOCSIN_MIN_CONFIDENCE" not in _environment(ours)
