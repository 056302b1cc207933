import pytest

from tests.training.ablation.made_up import NUM_TEXTS, data, result
from training.ablation.comparison import choose, compare, is_on_front
from training.ablation.results import summarise


def test_a_clear_difference_is_shown_and_a_small_one_is_not() -> None:
    """E misses 5 entities, F misses those and 15 more; the sentiments differ by one text."""
    runs = [result("E", seed, missed=range(5), wrong=range(40)) for seed in (1, 2)]
    runs += [result("F", seed, missed=range(20), wrong=range(41)) for seed in (1, 2)]
    found = compare(summarise(runs, {}), ("E", "F"), data())
    entities, sentiment = found["entity_f1"], found["sentiment_accuracy"]
    expected = 2 * 0.975 / 1.975 - 2 * 0.9 / 1.9
    assert entities.mean == pytest.approx(expected)
    assert entities.is_shown
    assert entities.low < expected < entities.high
    assert sentiment.mean == pytest.approx(1 / NUM_TEXTS)
    assert not sentiment.is_shown


def test_the_bootstrap_sees_the_scores_that_are_reported() -> None:
    """With one seed and no difference between the runs, the interval is zero: both are the same counts."""
    runs = [result(row, 1, missed=range(7), wrong=[3]) for row in ("E", "F")]
    found = compare(summarise(runs, {}), ("E", "F"), data())
    assert (found["entity_f1"].low, found["entity_f1"].high) == (0, 0)


def test_the_rule_picks_the_fastest_of_the_good_enough() -> None:
    """D is fastest and too weak; F is within half a point of E on dev and faster than E."""
    runs = [result("E", 1, dev=0.910), result("F", 1, dev=0.906), result("D", 1, dev=0.88)]
    rows = summarise(
        runs, {"posts_per_second": {n: {"annotator": r} for n, r in (("E", 1), ("F", 2), ("D", 3))}}
    )
    choice = choose(rows)
    assert (choice.best_entities, choice.simplest) == ("E", "F")
    assert choice.good_enough == ["E", "F"]


def test_sentiment_can_rule_a_row_out() -> None:
    """F is as good at entities but two points worse at sentiment."""
    runs = [result("E", 1, dev=0.91), result("F", 1, dev=0.91, wrong=range(4))]
    assert choose(summarise(runs, {})).good_enough == ["E"]


def test_the_front_holds_the_rows_that_no_row_beats_at_both() -> None:
    """A slower row that is also worse is not on the front."""
    runs = [result("E", 1), result("F", 1, missed=range(10)), result("C", 1, missed=range(20))]
    rates = {"E": {"annotator": 1.0}, "F": {"annotator": 3.0}, "C": {"annotator": 2.0}}
    rows = summarise(runs, {"posts_per_second": rates})
    assert [name for name in rows if is_on_front(rows, name)] == ["E", "F"]
