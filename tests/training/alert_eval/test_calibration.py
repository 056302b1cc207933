import json
import random
from pathlib import Path

import pytest

from models.writers.calibration import Calibration
from training.alert_eval.calibration import fit, read_judged, write_calibration
from training.errors import WriterError


def test_the_fit_finds_the_slope_and_the_offset_that_made_the_outcomes() -> None:
    """A judge that is too sure of itself is brought down to what its alerts are worth."""
    chance = random.Random(0)
    made = Calibration(slope=0.5, offset=-1.0)
    raw = [chance.random() for _ in range(20_000)]
    judged = [(truth, chance.random() < made.confidence(truth)) for truth in raw]
    found = fit(judged)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.offset == pytest.approx(-1.0, abs=0.05)
    mean = sum(found.confidence(truth) for truth, _ in judged) / len(judged)
    assert mean == pytest.approx(sum(right for _, right in judged) / len(judged), abs=0.001)


@pytest.mark.parametrize("truths", [(0.0, 1.0), (0.2, 0.8)])
def test_a_judge_that_is_always_right_gives_finite_numbers(truths: tuple[float, float]) -> None:
    """Without bounds the slope would grow for ever."""
    found = fit([(truths[0], False), (truths[1], True)] * 40)
    assert 0 < found.slope < 1000
    assert found.confidence(truths[0]) < 0.05 < 0.95 < found.confidence(truths[1])


def _line(confidence: float | None, verdict: str, setting: str = "judge | network") -> str:
    outcome = {"theme": None if verdict == "missed" else "Flood", "confidence": confidence}
    return json.dumps({"setting": setting, "outcome": outcome, "verdict": verdict})


def test_only_judged_alerts_of_the_setting_are_read(tmp_path: Path) -> None:
    """An alert that matches neither a right nor a wrong one counts as not right, as in the calibration error."""
    file = tmp_path / "outcomes.jsonl"
    others = [_line(None, "right"), _line(0.4, "missed"), _line(0.9, "right", "ours | network")]
    lines = [_line(0.9, "right"), _line(0.2, "false"), _line(0.3, "unlisted")] * 20
    file.write_text("\n".join([*others, *lines]), encoding="utf-8")
    judged = read_judged([file], "judge | network")
    assert len(judged) == 60
    assert judged[:3] == [(0.9, True), (0.2, False), (0.3, False)]
    with pytest.raises(WriterError, match=r"1 judged alerts of the setting 'ours \| network'"):
        read_judged([file], "ours | network")


def test_the_file_has_what_the_pipeline_reads(tmp_path: Path) -> None:
    """Four figures at most: it is read by people too."""
    write_calibration(
        tmp_path / "calibration.json", Calibration(0.51234567, -1.0), judge="writer-v2", about="60 alerts"
    )
    assert json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8")) == {
        "judge": "writer-v2",
        "slope": 0.5123,
        "offset": -1.0,
        "likelihood_weight": 0.0,
        "measured_on": "60 alerts",
    }
