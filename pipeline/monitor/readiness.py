"""Whether an agent can do its work now, and if not, why: one state machine, read at `/readyz` and in `tocsin_ready`.

    connecting      the agent looks for the broker, or waits for its place in the consumer group
    refused         Kafka refuses the agent; the reason says what to change
    no topic        the agent's topic does not exist; the agent tries to make it
    LLM not usable  the LLM server is away or cannot do what we ask; posts wait
    joined          the agent is a member of its group and waits for records       ready
    working         the agent has records in hand                                  ready
    stopping        the agent was told to end

Three parties tell what they know: the stream (Kafka), the LLM client, and the program. The state follows from these
facts alone, the first that applies: stopping, refused, no topic, LLM not usable, connecting, working, joined. So no
order of events can leave the machine in a wrong state. (The LLM comes before connecting: an agent joins its group only
once the LLM is usable. Before anybody has asked the LLM, that says nothing.)
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from enum import StrEnum

logger = logging.getLogger(__name__)

# A server that fails now so and now so would fill the log; `/readyz` has the latest reason at once.
_QUIET_SECONDS = 30.0


class State(StrEnum):
    """What an agent is about."""

    CONNECTING = "connecting"
    REFUSED = "refused"
    NO_TOPIC = "no topic"
    LLM_NOT_USABLE = "LLM not usable"
    JOINED = "joined"
    WORKING = "working"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Status:
    """The state, and why the agent is in it."""

    state: State
    reason: str = ""  # "" for `joined` and `working`

    @property
    def is_ready(self) -> bool:
        """Whether the agent can work."""
        return self.state in (State.JOINED, State.WORKING)


class Readiness:
    """The facts that the state follows from; written by the event loop, read by any thread.

    Args:
        needs_llm: the agent asks an LLM: it is not ready before `llm_usable`.
    """

    def __init__(self, *, needs_llm: bool = False) -> None:
        self._kafka = Status(State.CONNECTING, "looking for the broker")
        self._llm_problem = "not asked yet" if needs_llm else ""
        self._is_llm_asked = False
        self._is_working = False
        self._is_stopping = False
        self._told = self.status
        self._last_told = float("-inf")

    @property
    def status(self) -> Status:
        """The state now."""
        if self._is_stopping:
            return Status(State.STOPPING, "the agent was told to end")
        if self._kafka.state in (State.REFUSED, State.NO_TOPIC):
            return self._kafka
        if self._llm_problem and (self._is_llm_asked or self._kafka.state is State.JOINED):
            return Status(State.LLM_NOT_USABLE, self._llm_problem)
        if self._kafka.state is not State.JOINED:
            return self._kafka
        return Status(State.WORKING if self._is_working else State.JOINED)

    def connecting(self, reason: str) -> None:
        """Note that the agent is no member of its group, and what it waits for."""
        self._set_kafka(Status(State.CONNECTING, reason))

    def refused(self, reason: str) -> None:
        """Note that Kafka refuses the agent, and what must change."""
        self._set_kafka(Status(State.REFUSED, reason))

    def no_topic(self, reason: str) -> None:
        """Note that a topic is missing."""
        self._set_kafka(Status(State.NO_TOPIC, reason))

    def joined(self) -> None:
        """Note that the agent is a member of its group."""
        self._set_kafka(Status(State.JOINED))

    def llm_usable(self) -> None:
        """Note that the LLM server answers as it should."""
        self._llm_problem = ""
        self._tell()

    def llm_not_usable(self, reason: str) -> None:
        """Note that it does not, and why."""
        self._llm_problem, self._is_llm_asked = reason, True
        self._tell()

    def working(self, is_working: bool) -> None:
        """Note whether records are in hand."""
        self._is_working = is_working

    def stopping(self) -> None:
        """Note that the agent was told to end; nothing comes after it."""
        self._is_stopping = True
        self._tell()

    def _set_kafka(self, status: Status) -> None:
        self._kafka = status
        self._tell()

    def _tell(self) -> None:
        """Log a change of state, once; of the reason alone, now and then."""
        status, now = self.status, time.monotonic()
        if status == self._told or (status.is_ready and self._told.is_ready):
            return
        if status.state is self._told.state and now - self._last_told < _QUIET_SECONDS:
            return
        self._told, self._last_told = status, now
        is_trouble = status.state in (State.REFUSED, State.NO_TOPIC, State.LLM_NOT_USABLE)
        level = logging.WARNING if is_trouble else logging.INFO
        logger.log(level, "state: %s%s", status.state, f": {status.reason}" if status.reason else "")
