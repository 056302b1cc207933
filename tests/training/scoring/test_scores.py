import pytest

from training.scoring.scores import score_entities, score_sentiments


def test_only_exact_entities_count() -> None:
    """A wrong border or a wrong type is a miss and a false find."""
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "O"]]
    scores = score_entities(gold, predicted)
    assert scores.entity_precision == pytest.approx(1 / 3)
    assert scores.entity_recall == pytest.approx(1 / 3)
    assert scores.entity_f1 == pytest.approx(1 / 3)


def test_the_token_score_is_high_for_a_tagger_that_finds_nothing() -> None:
    """By hand, O has F1 2*8/(8+10)=8/9 and 8 tokens of 10: token-weighted F1 flatters."""
    scores = score_entities([["O"] * 8 + ["B-PER", "I-PER"]], [["O"] * 10])
    assert scores.entity_f1 == 0
    assert scores.token_weighted_f1 == pytest.approx(0.8 * 8 / 9)


def test_perfect_tags_score_one() -> None:
    """All four scores are 1 if everything is right."""
    scores = score_entities([["B-PER", "O"]], [["B-PER", "O"]])
    assert (scores.entity_f1, scores.entity_precision, scores.entity_recall) == (1, 1, 1)
    assert scores.token_weighted_f1 == pytest.approx(1)


def test_sentiment_averages_over_labels_not_texts() -> None:
    """By hand, recalls are 1/2 and 1, F1 2/3 and 2/3 (one of two negatives is called positive)."""
    scores = score_sentiments(["negative", "negative", "positive"], ["negative", "positive", "positive"])
    assert scores.sentiment_accuracy == pytest.approx(2 / 3)
    assert scores.sentiment_macro_recall == pytest.approx(3 / 4)
    assert scores.sentiment_macro_f1 == pytest.approx(2 / 3)
