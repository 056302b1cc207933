"""The scores that are reported, for entities and for sentiment."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2


@dataclass(frozen=True, slots=True)
class EntityScores:
    """Strict entity-level scores (type and both borders right), and the paper's token-level score.

    `token_weighted_f1` is the F1 of single tags, O included, weighted by how often each occurs. Since most
    tokens are O it is high for any network: a tagger that says O to everything has 0.75 on CoNLL-2003.
    """

    entity_f1: float
    entity_precision: float
    entity_recall: float
    token_weighted_f1: float


@dataclass(frozen=True, slots=True)
class SentimentScores:
    """Accuracy, and F1 and recall averaged over the labels that the gold data has."""

    sentiment_accuracy: float
    sentiment_macro_f1: float
    sentiment_macro_recall: float


@dataclass(frozen=True, slots=True)
class _LabelScore:
    count: int
    recall: float
    f1: float


def score_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScores:
    """Score BIO tags, a list per sentence, by seqeval's strict mode (its module `v1`)."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        [list(tags) for tags in gold],
        [list(tags) for tags in predicted],
        scheme=IOB2,
        average="micro",
        # A network that finds nothing scores 0; the default would also warn.
        zero_division=0,
    )
    by_tag = _score_labels(
        [tag for tags in gold for tag in tags], [tag for tags in predicted for tag in tags]
    )
    weighted = sum(score.count * score.f1 for score in by_tag) / sum(score.count for score in by_tag)
    return EntityScores(float(f1), float(precision), float(recall), weighted)


def score_sentiments(gold: Sequence[str], predicted: Sequence[str]) -> SentimentScores:
    """Score sentiment labels, one a text."""
    scores = _score_labels(gold, predicted)
    num_right = sum(label == guess for label, guess in zip(gold, predicted, strict=True))
    return SentimentScores(
        num_right / len(gold),
        sum(score.f1 for score in scores) / len(scores),
        sum(score.recall for score in scores) / len(scores),
    )


def _score_labels(gold: Sequence[str], predicted: Sequence[str]) -> list[_LabelScore]:
    num_gold, num_predicted = Counter(gold), Counter(predicted)
    num_right = Counter(label for label, guess in zip(gold, predicted, strict=True) if label == guess)
    return [
        _LabelScore(
            count=count,
            recall=num_right[label] / count,
            f1=2 * num_right[label] / (count + num_predicted[label]),
        )
        for label, count in sorted(num_gold.items())
    ]
