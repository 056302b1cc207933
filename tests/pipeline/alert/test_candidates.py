from __future__ import annotations

from dataclasses import replace

from pipeline.alert.candidates import merge
from pipeline.alert.evidence import Evidence
from pipeline.alert.filters import check
from tests.pipeline.samples import annotated

EVIDENCE = Evidence.of(annotated("Floods hit New Orleans, FEMA sends help", ["New Orleans", "FEMA"]))


def test_duplicates_are_merged_with_their_counts() -> None:
    """Samples that differ only in case or repeat a mention are one candidate."""
    samples = ["Severe flooding: FEMA", "severe Flooding: fema", "Flood aid: FEMA", "nonsense"]
    merged = merge(check(sample, EVIDENCE) for sample in samples)
    assert [(candidate.theme, candidate.count) for candidate in merged] == [
        ("Severe flooding", 2),
        ("Flood aid", 1),
    ]


def test_merging_keeps_the_first_sample_and_the_best_likelihood() -> None:
    """A candidate knows which sample said it first, and how likely the likeliest of its samples is."""
    checked = [
        replace(check(text, EVIDENCE), log_probability=value)
        for text, value in [
            ("no", -1.0),
            ("Flood aid: FEMA", -5.0),
            ("flood aid: fema", -3.0),
            ("flood aid: fema", None),
        ]
    ]
    [candidate] = merge(checked)
    assert (candidate.count, candidate.first_sample, candidate.log_probability) == (3, 1, -3.0)


def test_a_merged_candidate_has_the_verdict_of_its_likeliest_sample() -> None:
    """The verdict is that on the very words which would be published."""
    checked = [
        replace(check(text, EVIDENCE), log_probability=value, truth=truth)
        for text, value, truth in [
            ("Flood aid: FEMA", -5.0, 0.1),
            ("flood aid: fema", -3.0, 0.8),
            ("flood aid: fema", -4.0, 0.3),
            ("flood aid: fema", None, None),
        ]
    ]
    [candidate] = merge(checked)
    assert (candidate.count, candidate.log_probability, candidate.truth) == (4, -3.0, 0.8)
