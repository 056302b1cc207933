"""From raw verdicts to a confidence that means something: Platt scaling (Platt 1999) on the outcomes of one run.

The run is `evaluate-alerts --rows judge --output FOLDER` on held-out posts, without a calibration and with no minimum.
Its `outcomes.jsonl` then holds for every alert the judge's raw probability, and whether the alert is right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.writers.calibration import Calibration, log_odds
from training.corpora.lines import read_json_lines
from training.errors import WriterError

_NUM_STEPS = 100
_RIDGE = 1e-3  # keeps the slope finite if all alerts above some probability are right
_MIN_ALERTS = 50


def read_judged(files: Sequence[Path], setting: str) -> list[tuple[float, bool]]:
    """Return the raw probability of each published alert of a setting ("judge | network"), and whether it is right.

    Raises:
        CorpusError: a file cannot be read.
        WriterError: there are too few such alerts to fit anything.
    """
    found = [line for file in files for line in read_json_lines(file, _parse) if line is not None]
    judged = [(truth, is_right) for name, truth, is_right in found if name == setting]
    if len(judged) < _MIN_ALERTS:
        names = sorted({name for name, _, _ in found})
        raise WriterError(
            f"{len(judged)} judged alerts of the setting {setting!r}: expected at least {_MIN_ALERTS} "
            f"(settings here: {', '.join(names) or 'none'})"
        )
    return judged


def _parse(line: dict[str, Any]) -> tuple[str, float, bool] | None:
    outcome, verdict = line.get("outcome"), line.get("verdict")
    if not isinstance(outcome, dict) or not isinstance(verdict, str):
        raise ValueError("expected a line of `outcomes.jsonl` with `outcome` and `verdict`")
    confidence = outcome.get("confidence")
    if confidence is None or outcome.get("theme") is None:
        return None
    return str(line.get("setting")), float(confidence), verdict == "right"


def fit(judged: Sequence[tuple[float, bool]]) -> Calibration:
    """Return the slope and the offset of greatest likelihood, by Newton's method on the two of them."""
    slope, offset = 1.0, 0.0
    for _ in range(_NUM_STEPS):
        # Gradient (a, b) and Hessian (aa, ab, bb) of the negative log-likelihood with a small ridge on the slope.
        a, b, aa, ab, bb = _RIDGE * slope, 0.0, _RIDGE, 0.0, _RIDGE
        for truth, is_right in judged:
            x = log_odds(truth)
            p = Calibration(slope, offset).confidence(truth)
            a, b = a + (p - is_right) * x, b + (p - is_right)
            weight = p * (1 - p)
            aa, ab, bb = aa + weight * x * x, ab + weight * x, bb + weight
        determinant = aa * bb - ab * ab
        step = (bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant
        slope, offset = slope - step[0], offset - step[1]
        if max(map(abs, step)) < 1e-9:
            break
    return Calibration(slope, offset)


def write_calibration(path: Path, calibration: Calibration, *, judge: str, about: str) -> None:
    """Write the file that the pipeline reads beside the adapter (`models.writers`).

    Args:
        judge: the prompt whose verdicts were calibrated.
        about: on what they were measured.
    """
    document = {
        "judge": judge,
        "slope": round(calibration.slope, 4),
        "offset": round(calibration.offset, 4),
        "likelihood_weight": calibration.likelihood_weight,
        "measured_on": about,
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
