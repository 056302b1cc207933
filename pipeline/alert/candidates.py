"""Candidates: the valid alerts among the samples of one post, each once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.messages import Entity


@dataclass(frozen=True)
class Candidate:
    """A valid alert, and how many of the samples said it."""

    theme: str
    entity: Entity
    count: int = 1
    first_sample: int = 0  # index of the first that said it
    log_probability: float | None = (
        None  # of the likeliest sample that said it; None where the server does not say
    )


@dataclass(frozen=True)
class JudgedSample:
    """A sample and the verdict: either a candidate, or the name of the rule that it broke."""

    text: str
    candidate: Candidate | None
    rejected_by: str | None
    log_probability: float | None = None


def merge(samples: Iterable[JudgedSample]) -> tuple[Candidate, ...]:
    """Return the distinct candidates with their counts, in the order of their first sample."""
    merged: dict[tuple[str, int], Candidate] = {}
    for index, sample in enumerate(samples):
        if sample.candidate is None:
            continue
        key = sample.candidate.theme.casefold(), sample.candidate.entity.start
        seen = merged.get(key)
        if seen is None:
            merged[key] = replace(
                sample.candidate, first_sample=index, log_probability=sample.log_probability
            )
        else:
            likeliest = max(seen.log_probability, sample.log_probability, key=_or_least)
            merged[key] = replace(seen, count=seen.count + 1, log_probability=likeliest)
    return tuple(merged.values())


def _or_least(log_probability: float | None) -> float:
    return -math.inf if log_probability is None else log_probability
