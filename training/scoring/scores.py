"""The scores that are reported, for entities and for sentiment."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from training.scoring.counts import (
    count_sentiments,
    count_tags,
    macro_f1,
    macro_recall,
    micro_recall,
    weighted_f1,
)


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


def score_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScores:
    """Score BIO tags, a list for each sentence, by seqeval's strict mode (its module `v1`)."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        [list(tags) for tags in gold],
        [list(tags) for tags in predicted],
        scheme=IOB2,
        average="micro",
        # A network that finds nothing scores 0; the default would also warn.
        zero_division=0,
    )
    weighted = count_tags(gold, predicted).score(weighted_f1)
    return EntityScores(float(f1), float(precision), float(recall), weighted)


def score_sentiments(gold: Sequence[str], predicted: Sequence[str]) -> SentimentScores:
    """Score sentiment labels, one for each text."""
    counts = count_sentiments(gold, predicted)
    return SentimentScores(counts.score(micro_recall), counts.score(macro_f1), counts.score(macro_recall))
