"""What `confidence` is worth: its calibration error, and what is left at each threshold.

Only alerts with a confidence count. A row's tables say what would be published at a threshold only if nothing was
held back in the run: rows whose selection is `judge` run with TOCSIN_MIN_CONFIDENCE=0.
"""

from __future__ import annotations

from training.alert_eval.scores.ratio import Pairs, Ratio, share
from training.alert_eval.scores.truth import is_false, is_right

NUM_BINS = 10
THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
HIGH = 0.8

TableRow = dict[str, float | int | None]


def score_confidence(pairs: Pairs) -> dict[str, object]:
    """Return the calibration error, the accuracy at high confidence, and the two tables."""
    confident = _confident(pairs)
    high = [is_right(post, result) for post, result in confident if (result.confidence or 0.0) >= HIGH]
    bins = reliability(pairs)
    return {
        "ece": expected_calibration_error(bins),
        "num_confident": len(confident),
        "accuracy_at_80": share(high),
        "alerts_at_80": len(high),
        "reliability": bins if confident else [],
        "thresholds": thresholds(pairs) if confident else [],
    }


def reliability(pairs: Pairs) -> list[TableRow]:
    """Return the ten bins of equal width, each with its alerts, their mean confidence and the share that is right.

    A bin holds its lower bound and not its upper one; the last holds 1 too.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(NUM_BINS)]
    for post, result in _confident(pairs):
        confidence = result.confidence or 0.0
        # Rounded, because 0.3 * 10 and its like must not fall a hair below their bin.
        index = int(round(confidence * NUM_BINS, 9))
        bins[min(index, NUM_BINS - 1)].append((confidence, is_right(post, result)))
    return [_bin(index, held) for index, held in enumerate(bins)]


def expected_calibration_error(bins: list[TableRow]) -> float | None:
    """Return the mean distance between confidence and share right, each bin weighted by its alerts."""
    filled = [(row["alerts"], row["mean_confidence"], row["right"]) for row in bins if row["alerts"]]
    total = sum(count or 0 for count, _, _ in filled)
    distance = sum((count or 0) * abs((mean or 0.0) - (right or 0.0)) for count, mean, right in filled)
    return round(distance / total, 4) if total else None


def thresholds(pairs: Pairs) -> list[TableRow]:
    """Return, for each threshold, the alerts of at least that confidence and how many of them are right and false.

    `alerts_left` is their share of all alerts with a confidence, `due_left` the share of the posts that are due an
    alert and keep one.
    """
    confident = _confident(pairs)
    num_due = sum(post.is_alertable for post, _ in pairs)
    rows: list[TableRow] = []
    for threshold in THRESHOLDS:
        left = [(post, result) for post, result in confident if (result.confidence or 0.0) >= threshold]
        rows.append(
            {
                "threshold": threshold,
                "alerts": len(left),
                "alerts_left": Ratio(len(left), len(confident)).value,
                "due_left": Ratio(sum(post.is_alertable for post, _ in left), num_due).value,
                "right": share([is_right(post, result) for post, result in left]),
                "false": share([is_false(post, result) for post, result in left]),
            }
        )
    return rows


def _confident(pairs: Pairs) -> Pairs:
    return [(post, result) for post, result in pairs if result.is_alert and result.confidence is not None]


def _bin(index: int, held: list[tuple[float, bool]]) -> TableRow:
    confidences = [confidence for confidence, _ in held]
    return {
        "from": index / NUM_BINS,
        "to": (index + 1) / NUM_BINS,
        "alerts": len(held),
        "mean_confidence": round(sum(confidences) / len(held), 4) if held else None,
        "right": share([was_right for _, was_right in held]),
    }
