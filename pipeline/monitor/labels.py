"""What the labels of our metrics can be, taken from the code that counts: each such series is there from the start.

A counter that begins with its first count has no rate over a burst: Prometheus sees one value and no rise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from models.annotator import STAGES as NETWORK_STAGES
from pipeline.alert.attempt import StageName
from pipeline.alert.filters import FILTER_NAMES
from pipeline.errors import RecordError
from pipeline.llm.http import RequestOutcome
from pipeline.messages import AbstentionReason, SelectionMethod
from pipeline.messages.dead_letter import DeadLetterStage
from pipeline.outcomes.ledger import SkipReason

Role = Literal["annotate", "alert"]
ROLES: tuple[Role, ...] = get_args(Role)

VALID = "valid"  # a candidate that no filter rejected
DEGRADED = "degraded"  # an alert that nobody selected, for there was no LLM

VERDICTS = (VALID, *FILTER_NAMES)
SELECTIONS = (*SelectionMethod, DEGRADED)
ABSTENTIONS = tuple(AbstentionReason)
SKIPS = tuple(SkipReason)
REQUEST_OUTCOMES: tuple[str, ...] = get_args(RequestOutcome)
TOKEN_KINDS = ("prompt", "completion")
STAGES: dict[Role, tuple[str, ...]] = {
    "annotate": (*NETWORK_STAGES, "annotate", "publish"),
    "alert": (*get_args(StageName), "publish"),
}


def dead_letters(role: Role) -> list[tuple[str, str]]:
    """Return every stage at which records of this role can fail, with every reason."""
    others = set(ROLES) - {role}
    stages = [stage for stage in get_args(DeadLetterStage) if stage not in others]
    return [(stage, reason) for stage in stages for reason in sorted(_reasons(RecordError.__subclasses__()))]


def _reasons(errors: Iterable[type[RecordError]]) -> set[str]:
    return {reason for error in errors for reason in ({error.reason} | _reasons(error.__subclasses__()))}
