import json
from pathlib import Path

import pytest

from models.errors import CalibrationError
from models.writers.calibration import AS_THEY_COME, Calibration, log_odds, read_calibration

DOCUMENT = {"judge": "writer-v2", "slope": 0.5, "offset": -1.0, "likelihood_weight": 0.1}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_confidence_is_a_line_over_the_log_odds() -> None:
    """Without a calibration the raw probability is the confidence."""
    assert AS_THEY_COME.confidence(0.3) == pytest.approx(0.3)
    assert Calibration(slope=2.0, offset=0.0).confidence(0.75) == pytest.approx(0.9)
    assert Calibration(slope=1.0, offset=log_odds(0.25)).confidence(0.5) == pytest.approx(0.25)


@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_a_judge_without_any_doubt_gives_a_probability(truth: float) -> None:
    """Log odds of 0 and 1 are infinite, a confidence is not."""
    assert Calibration(slope=300.0).confidence(truth) == pytest.approx(truth)
    assert AS_THEY_COME.score(truth, None) == log_odds(truth)


def test_a_calibration_counts_for_the_judge_that_it_names(tmp_path: Path) -> None:
    """The verdicts of another prompt are taken as they come, as they are without a file."""
    file = write(tmp_path / "calibration.json", DOCUMENT | {"measured_on": "60 alerts"})
    assert read_calibration(file, "writer-v2") == Calibration(0.5, -1.0, 0.1)
    assert read_calibration(file, "judge-v1") == AS_THEY_COME
    assert read_calibration(tmp_path / "none.json", "writer-v2") == AS_THEY_COME


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": None}, "`judge` must name"),
        ({"slope": "steep"}, "`slope` is 'steep'"),
        ({"slope": 0}, "above 0"),
        ({"offset": None}, "`offset` is None"),
        ({"likelihood_weight": True}, "`likelihood_weight` is True"),
        ({"offset": float("nan")}, "`offset` is nan"),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A wrong number would make every confidence wrong, silently."""
    with pytest.raises(CalibrationError, match=message):
        read_calibration(write(tmp_path / "calibration.json", DOCUMENT | change), "writer-v2")


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_what_is_no_calibration_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the file."""
    file = tmp_path / "calibration.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"calibration\.json"):
        read_calibration(file, "writer-v2")
