"""How often each label was right, text by text; every score and every bootstrap interval is a function of these counts.

The scores of single labels are computed here and not by scikit-learn: the bootstrap needs them for a thousand
replicates at once, each from counts of which texts were drawn how often.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import spans_from_tags

Floats = npt.NDArray[np.float64]
Measure = Callable[[Floats], Floats]
"""From counts (..., 3, K) to scores (...), the last two axes being gold, predicted, right and the K labels."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """`per_text` is (N, 3, K): how often each of K labels is gold, predicted, and right, in each of N texts."""

    labels: tuple[str, ...]
    per_text: Floats

    def by_class(self) -> dict[str, dict[str, float]]:
        """Return precision, recall, F1 and number of gold labels for each label that the gold data has."""
        total = self.per_text.sum(axis=0)
        scores = {
            "precision": _ratio(total[2], total[1]),
            "recall": _ratio(total[2], total[0]),
            "f1": _f1(total),
        }
        return {
            label: {name: float(values[index]) for name, values in scores.items()}
            | {"num_gold": int(num_gold)}
            for index, (label, num_gold) in enumerate(zip(self.labels, total[0], strict=True))
            if num_gold
        }

    def score(self, measure: Measure) -> float:
        """Return the measure over all texts."""
        return float(measure(self.per_text.sum(axis=0)))


def count_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> LabelCounts:
    """Count entities of BIO tags; right are those with the same type and both borders."""
    return _count([_entities(tags) for tags in gold], [_entities(tags) for tags in predicted])


def count_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> LabelCounts:
    """Count single tags, O included."""
    return _count([_by_position(tags) for tags in gold], [_by_position(tags) for tags in predicted])


def count_sentiments(gold: Sequence[str], predicted: Sequence[str]) -> LabelCounts:
    """Count sentiment labels, one for each text."""
    return _count([_by_position([label]) for label in gold], [_by_position([label]) for label in predicted])


def micro_precision(counts: Floats) -> Floats:
    """Return the share of predicted labels that is right."""
    total = counts.sum(axis=-1)
    return _ratio(total[..., 2], total[..., 1])


def micro_recall(counts: Floats) -> Floats:
    """Return the share of gold labels that was found; with one label for each text this is accuracy."""
    total = counts.sum(axis=-1)
    return _ratio(total[..., 2], total[..., 0])


def micro_f1(counts: Floats) -> Floats:
    """Return F1 over all labels together."""
    return _f1(counts.sum(axis=-1, keepdims=True))[..., 0]


def weighted_f1(counts: Floats) -> Floats:
    """Return the mean of each label's F1, weighted by how often the label is gold."""
    gold = counts[..., 0, :]
    return _ratio((gold * _f1(counts)).sum(axis=-1), gold.sum(axis=-1))


def macro_f1(counts: Floats) -> Floats:
    """Return the mean F1 of the labels that the gold data has."""
    return _mean_of_present(_f1(counts), counts)


def macro_recall(counts: Floats) -> Floats:
    """Return the mean recall of the labels that the gold data has."""
    return _mean_of_present(_ratio(counts[..., 2, :], counts[..., 0, :]), counts)


ENTITY_MEASURES: Mapping[str, Measure] = {
    "entity_f1": micro_f1,
    "entity_precision": micro_precision,
    "entity_recall": micro_recall,
}
TAG_MEASURES: Mapping[str, Measure] = {"token_weighted_f1": weighted_f1}
SENTIMENT_MEASURES: Mapping[str, Measure] = {
    "sentiment_accuracy": micro_recall,
    "sentiment_macro_f1": macro_f1,
    "sentiment_macro_recall": macro_recall,
}


def _count(
    gold: Sequence[Mapping[Hashable, str]], predicted: Sequence[Mapping[Hashable, str]]
) -> LabelCounts:
    """Count labels at positions of a text: right is the same label at the same position."""
    labels = tuple(sorted({label for of_text in (*gold, *predicted) for label in of_text.values()}))
    column = {label: index for index, label in enumerate(labels)}
    per_text = np.zeros((len(gold), 3, len(labels)))
    for row, (wanted, given) in enumerate(zip(gold, predicted, strict=True)):
        right = [label for position, label in wanted.items() if given.get(position) == label]
        for kind, found in enumerate((wanted.values(), given.values(), right)):
            for label, number in Counter(found).items():
                per_text[row, kind, column[label]] = number
    return LabelCounts(labels, per_text)


def _entities(tags: Sequence[str]) -> dict[Hashable, str]:
    return {(span.start, span.end): span.type for span in spans_from_tags(tags, "BIO")}


def _by_position(labels: Sequence[str]) -> dict[Hashable, str]:
    return dict(enumerate(labels))


def _ratio(part: Floats, whole: Floats) -> Floats:
    result: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0)
    return result


def _f1(counts: Floats) -> Floats:
    return _ratio(2 * counts[..., 2, :], counts[..., 0, :] + counts[..., 1, :])


def _mean_of_present(values: Floats, counts: Floats) -> Floats:
    is_present = counts[..., 0, :] > 0
    return _ratio((values * is_present).sum(axis=-1), is_present.sum(axis=-1).astype(float))
