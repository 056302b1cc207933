"""Why a consumer group refuses an agent: each code that JoinGroup, SyncGroup or FindCoordinator may give, in words.

Some refusals last until a setting is changed: the agent ends, because waiting mends nothing. The others may pass: the
agent asks again, with back-off, and shows at `/readyz` what it waits for. What aiokafka mends by itself (a coordinator
that moves or loads, a member id that has expired, a rebalance under way) is not a refusal.

Codes: Kafka's protocol guide, "Error Codes". aiokafka 0.14 has no class for some of them, hence the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.errors import KafkaError, for_code

from pipeline.kafka.refusals import NOT_ALLOWED, not_allowed
from pipeline.settings import PREFIX

NO_ERROR = 0
# The answer to every first request of a member; aiokafka then asks again with its new id.
MEMBER_ID_REQUIRED = 79

INCONSISTENT_GROUP_PROTOCOL = 23
INVALID_GROUP_ID = 24
INVALID_SESSION_TIMEOUT = 26
GROUP_AUTHORIZATION_FAILED = 30
UNSUPPORTED_VERSION = 35
INVALID_REQUEST = 42
GROUP_MAX_SIZE_REACHED = 81
FENCED_INSTANCE_ID = 82

# aiokafka goes on by itself after these: the coordinator loads, is missing or is another broker; wrong generation,
# unknown member, a rebalance under way, a member id is wanted.
MENDED_BY_CLIENT = frozenset({14, 15, 16, 22, 25, 27, MEMBER_ID_REQUIRED})


@dataclass(frozen=True, slots=True)
class GroupRefusal:
    """One refusal.

    Args:
        text: what is wrong and what to do, one sentence.
        is_final: waiting mends nothing.
    """

    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Applicant:
    """The agent that asks to join: what a refusal may be about.

    Args:
        group: the consumer group.
        session_seconds: the session timeout that the agent asks for.
    """

    group: str
    session_seconds: float


def explain_refusal(code: int, applicant: Applicant) -> GroupRefusal:
    """Return what an error code of JoinGroup or SyncGroup means."""
    group = f"consumer group {applicant.group!r}"
    final = {
        INCONSISTENT_GROUP_PROTOCOL: f"{group} has members of another kind (another program, a share group, or "
        f"group.protocol=consumer): choose another group ({PREFIX}ANNOTATE_GROUP, {PREFIX}ALERT_GROUP)",
        INVALID_GROUP_ID: f"Kafka does not take the name of {group}: choose another",
        INVALID_SESSION_TIMEOUT: f"Kafka refuses a session of {applicant.session_seconds:g} s: set "
        f"{PREFIX}GROUP_SESSION_SECONDS within the broker's group.min.session.timeout.ms and "
        "group.max.session.timeout.ms",
        GROUP_AUTHORIZATION_FAILED: f"this agent lacks an ACL: Read on {group}",
        UNSUPPORTED_VERSION: f"Kafka no longer speaks our version of the protocol of {group}",
        INVALID_REQUEST: f"Kafka finds our request to join {group} invalid",
        FENCED_INSTANCE_ID: f"another member of {group} has taken this member's place",
    }
    passing = {
        GROUP_MAX_SIZE_REACHED: f"{group} is full: it has as many members as the broker's group.max.size allows; "
        "waiting until one leaves",
    }
    if code in final:
        return GroupRefusal(final[code], is_final=True)
    name = for_code(code).__name__
    return GroupRefusal(
        passing.get(code, f"{group} refuses this agent ({name}, code {code}); asking again"), False
    )


def explain_failure(error: BaseException, applicant: Applicant) -> GroupRefusal:
    """Return what a failure of the group means if no answer to JoinGroup or SyncGroup explains it."""
    if isinstance(error, NOT_ALLOWED):
        return GroupRefusal(str(not_allowed(error, client="this agent", action="Read")), is_final=True)
    what = str(error) if isinstance(error, KafkaError) else repr(error)
    return GroupRefusal(f"consumer group {applicant.group!r} cannot be joined ({what}); asking again", False)
