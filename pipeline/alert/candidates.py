"""The candidates of one post: the valid alerts among its samples, each listed once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from models.prompts.plain_text import shown_entity
from pipeline.messages import Entity


@dataclass(frozen=True)
class Candidate:
    """A valid alert.

    Attributes:
        count: the number of samples that say it.
        first_sample: index of the first of them.
        log_probability: of the likeliest of them; None if the LLM server gives no log-probabilities.
        truth: probability that it is true by the post, as a judge says; None if it was not judged.
    """

    theme: str
    entity: Entity
    count: int = 1
    first_sample: int = 0
    log_probability: float | None = None
    truth: float | None = None


@dataclass(frozen=True)
class CheckedSample:
    """A sample that was held against the rules.

    Attributes:
        candidate: the alert; None if the sample breaks a rule.
        rejected_by: the name of that rule; None if it breaks none.
        log_probability, truth: as in `Candidate`, of this sample.
    """

    text: str
    candidate: Candidate | None
    rejected_by: str | None
    log_probability: float | None = None
    truth: float | None = None


def merge(samples: Iterable[CheckedSample]) -> tuple[Candidate, ...]:
    """Return the distinct candidates with their counts, in the order of their first sample."""
    merged: dict[tuple[str, int], Candidate] = {}
    for index, sample in enumerate(samples):
        if sample.candidate is None:
            continue
        key = sample.candidate.theme.casefold(), sample.candidate.entity.start
        seen = merged.get(key)
        if seen is None:
            merged[key] = _candidate(sample, sample.candidate, first_sample=index)
        elif _or_least(sample.log_probability) > _or_least(seen.log_probability):
            # Samples of one candidate differ in case or tokens. The likeliest is what the LLM would write.
            likelier = _candidate(sample, seen, first_sample=seen.first_sample)
            merged[key] = replace(likelier, count=seen.count + 1)
        else:
            merged[key] = replace(seen, count=seen.count + 1)
    return tuple(merged.values())


def shown(candidate: Candidate) -> str:
    """Return the candidate as prompts show it."""
    return f"{candidate.theme}: {shown_entity(candidate.entity.text)}"


def _candidate(sample: CheckedSample, candidate: Candidate, *, first_sample: int) -> Candidate:
    return replace(
        candidate,
        first_sample=first_sample,
        log_probability=sample.log_probability,
        truth=sample.truth,
    )


def _or_least(log_probability: float | None) -> float:
    return -math.inf if log_probability is None else log_probability
