import numpy as np
import pytest

from training.scoring.bootstrap import interval, paired_difference, replicate_scores, resample
from training.scoring.counts import Floats, micro_f1, micro_recall


def outcomes(is_right: list[bool]) -> Floats:
    """Counts of one label for each text, right or not."""
    return np.array([[[1.0], [1.0], [float(right)]] for right in is_right])


def test_a_replicate_is_the_score_of_the_drawn_texts() -> None:
    """The oracle is a loop that draws the texts one by one."""
    random = np.random.default_rng(1)
    counts = random.integers(0, 4, size=(20, 3, 2)).astype(float)
    weights = resample(20, num_resamples=30)
    assert weights.sum(axis=1).tolist() == [20] * 30
    for weight, score in zip(weights, replicate_scores(counts, weights, micro_f1), strict=True):
        drawn = [text for text, times in enumerate(weight.astype(int)) for _ in range(times)]
        assert score == pytest.approx(micro_f1(counts[drawn].sum(axis=0)))


def test_the_interval_is_as_wide_as_theory_says() -> None:
    """For accuracy 0.8 on 400 texts the normal approximation gives 0.8 ± 1.96 * 0.02."""
    counts = outcomes([True] * 320 + [False] * 80)
    low, high = interval(replicate_scores(counts, resample(400), micro_recall))
    assert low == pytest.approx(0.761, abs=0.01)
    assert high == pytest.approx(0.839, abs=0.01)


def test_pairing_shows_what_separate_intervals_hide() -> None:
    """If a system is right on the other's texts and on 10 of 300 more, the difference excludes zero."""
    base = [index % 2 == 0 for index in range(300)]
    better = [right or index < 20 for index, right in enumerate(base)]
    weights = resample(300)
    low, high = paired_difference([outcomes(better)], [outcomes(base)], weights, measure=micro_recall)
    assert 0 < low < 10 / 300 < high
    separate = [interval(replicate_scores(outcomes(o), weights, micro_recall)) for o in (better, base)]
    assert separate[0][0] < separate[1][1]


def test_runs_that_disagree_widen_the_difference() -> None:
    """With seeds that scatter by ten points, a difference of one point is not certain."""
    good, bad = outcomes([True] * 90 + [False] * 10), outcomes([True] * 80 + [False] * 20)
    low, high = paired_difference([good, bad], [bad, good], resample(100), measure=micro_recall)
    assert low < -0.05
    assert high > 0.05
