"""How far a score would move with other test texts of the same kind (Efron 1979; Berg-Kirkpatrick et al. 2012)."""

from collections.abc import Sequence

import numpy as np

from training.scoring.counts import Floats, Measure

NUM_RESAMPLES = 1000
CONFIDENCE = 0.95


def resample(num_texts: int, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> Floats:
    """Return (R, N) how often each text is drawn in each replicate; the same seed draws the same texts."""
    random = np.random.default_rng(seed)
    rows = [
        np.bincount(random.integers(num_texts, size=num_texts), minlength=num_texts)
        for _ in range(num_resamples)
    ]
    return np.array(rows, dtype=float)


def replicate_scores(per_text: Floats, weights: Floats, measure: Measure) -> Floats:
    """Return (R,) the measure in each replicate, from counts (N, 3, K) and weights (R, N)."""
    num_texts, num_kinds, num_labels = per_text.shape
    totals = weights @ per_text.reshape(num_texts, -1)
    return measure(totals.reshape(len(weights), num_kinds, num_labels))


def interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the bounds of the middle share `confidence` of the replicates."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_difference(
    first: Sequence[Floats], second: Sequence[Floats], weights: Floats, *, measure: Measure, seed: int = 0
) -> tuple[float, float]:
    """Return the interval of the first's mean score minus the second's, over other test texts and other seeds.

    Both are scored on the same drawn texts, which makes the comparison a paired one. Each replicate also draws which
    of the runs, one (N, 3, K) array for each seed, make up the mean.
    """
    random = np.random.default_rng(seed)
    means = [_mean_of_drawn_runs(runs, weights, measure, random) for runs in (first, second)]
    return interval(means[0] - means[1])


def _mean_of_drawn_runs(
    runs: Sequence[Floats], weights: Floats, measure: Measure, random: np.random.Generator
) -> Floats:
    scores = np.stack([replicate_scores(run, weights, measure) for run in runs])
    drawn = random.integers(len(runs), size=scores.shape)
    result: Floats = np.take_along_axis(scores, drawn, axis=0).mean(axis=0)
    return result
