import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.v1 import classification_report
from seqeval.scheme import IOB2

from models import spans_from_tags, tags_from_spans
from training.scoring.counts import count_entities, micro_f1, micro_precision, micro_recall
from training.scoring.scores import score_entities

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
Pair = tuple[list[str], list[str]]


def valid(tags: list[str]) -> list[str]:
    return tags_from_spans(spans_from_tags(tags, "BIO"), len(tags), "BIO")


@st.composite
def tag_pairs(draw: st.DrawFn) -> Pair:
    length = draw(st.integers(1, 6))
    tags = st.lists(st.sampled_from(TAGS), min_size=length, max_size=length)
    return valid(draw(tags)), valid(draw(tags))


@given(st.lists(tag_pairs(), min_size=1, max_size=5))
def test_counts_give_the_scores_of_seqeval(pairs: list[Pair]) -> None:
    """Precision, recall and F1 from counts are those of the scorer that we report."""
    gold, guess = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    counts, scores = count_entities(gold, guess), score_entities(gold, guess)
    assert counts.score(micro_f1) == pytest.approx(scores.entity_f1)
    assert counts.score(micro_precision) == pytest.approx(scores.entity_precision)
    assert counts.score(micro_recall) == pytest.approx(scores.entity_recall)


@given(
    st.lists(tag_pairs(), min_size=1, max_size=5).filter(
        lambda pairs: any("B-" in "".join(p[0]) for p in pairs)
    )
)
def test_classes_are_those_of_seqeval(pairs: list[Pair]) -> None:
    """Each entity type's scores agree with seqeval's report."""
    gold, guess = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    report = classification_report(gold, guess, scheme=IOB2, output_dict=True, zero_division=0)
    for label, scores in count_entities(gold, guess).by_class().items():
        assert scores["f1"] == pytest.approx(report[label]["f1-score"])
        assert scores["num_gold"] == report[label]["support"]


def test_counts_are_kept_text_by_text() -> None:
    """Two texts counted by hand have one entity found, one missed and one invented."""
    counts = count_entities([["B-PER"], ["B-LOC", "O"]], [["B-PER"], ["O", "B-PER"]])
    assert counts.labels == ("LOC", "PER")
    expected = [[[0, 1], [0, 1], [0, 1]], [[1, 0], [0, 1], [0, 0]]]
    np.testing.assert_array_equal(counts.per_text, expected)
