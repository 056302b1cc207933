"""From a judge's raw probability to a confidence: a line over its log odds, fitted on held-out posts (Platt 1999)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import CalibrationError

_EDGE = 1e-6  # a probability of 0 or 1 has no finite log odds
_NUMBERS = ("slope", "offset", "likelihood_weight")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a judge's probabilities are used. As it is by default, they are taken as they come.

    Attributes:
        slope, offset: confidence = sigmoid(slope * log odds + offset).
        likelihood_weight: share of the writer's log-probability in the score by which one alert is chosen.
    """

    slope: float = 1.0
    offset: float = 0.0
    likelihood_weight: float = 0.0

    def confidence(self, truth: float) -> float:
        """Return the probability that an alert is right whose raw probability of being true this is."""
        return _sigmoid(self.slope * log_odds(truth) + self.offset)

    def score(self, truth: float, log_probability: float | None) -> float:
        """Return the number by which alerts of one post are compared.

        Args:
            log_probability: of the alert by the writer; None: unknown.
        """
        return log_odds(truth) + self.likelihood_weight * (log_probability or 0.0)


AS_THEY_COME = Calibration()
"""Raw probabilities are the confidence."""


def read_calibration(file: Path, judge: str) -> Calibration:
    """Read a calibration; without the file, probabilities are taken as they come.

    Args:
        judge: the prompt whose verdicts are calibrated; those of another prompt are taken as they come.

    Raises:
        CalibrationError: the file is damaged.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return AS_THEY_COME
    except (OSError, ValueError) as error:
        raise CalibrationError(f"{file}: not a JSON file that can be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("judge"), str):
        raise CalibrationError(f"{file}: `judge` must name the prompt whose verdicts it calibrates")
    numbers = {name: _number(document, name, file) for name in _NUMBERS}
    if numbers["slope"] <= 0:
        raise CalibrationError(f"{file}: `slope` is {numbers['slope']!r}: expected a number above 0")
    return Calibration(**numbers) if document["judge"] == judge else AS_THEY_COME


def _number(document: dict[str, Any], name: str, file: Path) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CalibrationError(f"{file}: `{name}` is {value!r}: expected a number")
    return float(value)


def log_odds(probability: float) -> float:
    """Return the natural logarithm of p / (1 - p); finite also for 0 and 1."""
    inside = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(inside / (1 - inside))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 500.0), -500.0)))
