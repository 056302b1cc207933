"""Scoring a checkpoint on a corpus, through the same annotator that the pipeline uses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from models import Annotator
from training.corpora.labelled_text import LabelledText
from training.scoring.baselines import all_outside, majority_label, tag_by_word
from training.scoring.bootstrap import interval, replicate_scores, resample
from training.scoring.counts import (
    ENTITY_MEASURES,
    SENTIMENT_MEASURES,
    TAG_MEASURES,
    LabelCounts,
    Measure,
    count_entities,
    count_sentiments,
    count_tags,
)
from training.scoring.predictions import Predictions, predict
from training.scoring.scores import EntityScores, SentimentScores, score_entities, score_sentiments

SCORE_NAMES = tuple(field.name for kind in (EntityScores, SentimentScores) for field in fields(kind))

Results = dict[str, Any]


def evaluate(
    annotator: Annotator,
    rows: Sequence[LabelledText],
    mapping: Mapping[str, str],
    *,
    tag_of: Mapping[str, str] | None = None,
    guidelines: str = "",
) -> Results:
    """Score the annotator on a corpus; scores for which the rows have no labels are None.

    Args:
        tag_of: each training word's most frequent tag, for the baseline that knows nothing else.
        guidelines: as in `predict`.

    Raises:
        LabelError: the rows have entity types or sentiments that the checkpoint lacks.
    """
    predictions = predict(annotator, rows, mapping, guidelines=guidelines)
    return {
        **dict.fromkeys(SCORE_NAMES),
        **score(predictions),
        "intervals": {**dict.fromkeys(SCORE_NAMES), **_intervals(predictions)},
        "entity_classes": _entity_counts(predictions).by_class(),
        "sentiment_classes": _sentiment_counts(predictions).by_class(),
        "baselines": baselines(predictions, tag_of or {}),
    }


def score(predictions: Predictions) -> dict[str, float]:
    """Return the scores that the predictions have labels for, by name."""
    scores: dict[str, float] = {}
    if predictions.gold_tags:
        scores |= asdict(score_entities(predictions.gold_tags, predictions.guessed_tags))
    if predictions.gold_sentiments:
        scores |= asdict(score_sentiments(predictions.gold_sentiments, predictions.guessed_sentiments))
    return scores


def _intervals(predictions: Predictions) -> dict[str, tuple[float, float]]:
    """Return bootstrap intervals of all scores, over other texts of the same kind."""
    return {
        name: bounds
        for counts, measures in (
            (_entity_counts(predictions), ENTITY_MEASURES),
            (count_tags(predictions.gold_tags, predictions.guessed_tags), TAG_MEASURES),
            (_sentiment_counts(predictions), SENTIMENT_MEASURES),
        )
        for name, bounds in _bounds(counts, measures)
    }


def _bounds(
    counts: LabelCounts, measures: Mapping[str, Measure]
) -> Iterator[tuple[str, tuple[float, float]]]:
    if not counts.labels:
        return
    weights = resample(len(counts.per_text))
    for name, measure in measures.items():
        yield name, interval(replicate_scores(counts.per_text, weights, measure))


def _entity_counts(predictions: Predictions) -> LabelCounts:
    return count_entities(predictions.gold_tags, predictions.guessed_tags)


def _sentiment_counts(predictions: Predictions) -> LabelCounts:
    return count_sentiments(predictions.gold_sentiments, predictions.guessed_sentiments)


def baselines(predictions: Predictions, tag_of: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return what trivial guesses score on the gold labels of `predictions`; see `evaluate` for `tag_of`."""
    gold = predictions.gold_tags
    found: dict[str, dict[str, float]] = {}
    if gold:
        found["all_outside"] = asdict(score_entities(gold, all_outside(gold)))
    if gold and tag_of:
        guesses = tag_by_word(predictions.words, tag_of)
        found["most_frequent_tag_of_word"] = asdict(score_entities(gold, guesses))
    if labels := predictions.gold_sentiments:
        found["majority_sentiment"] = asdict(score_sentiments(labels, majority_label(labels)))
    return found
