"""Whether an agent can work now, and if not, why. `/readyz` and the metric `tocsin_ready` show it.

    connecting      the agent looks for the broker, or waits for its place in the consumer group; or for its live source
    refused         Kafka refuses the agent; the reason says what to change
    no topic        the agent's topic does not exist; the agent tries to make it
    LLM not usable  the LLM server is away, or cannot do what the agent asks; posts wait
    joined          the agent is a member of its group and waits for records       ready
    working         the agent processes records                                    ready
    stopping        the agent was asked to stop

The stream (about Kafka), the LLM client and the process each report what they know. The state follows from these facts
alone. It is the first that applies of: stopping, refused, no topic, LLM not usable, connecting, working, joined. So no
order of events can lead to a wrong state. (The LLM comes before connecting, because an agent joins its group only after
the LLM is usable. Until the LLM is first asked, it does not count.)
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from enum import StrEnum

logger = logging.getLogger(__name__)

# A server whose failures change all the time would fill the log. `/readyz` has the latest reason at once.
_QUIET_SECONDS = 30.0


class State(StrEnum):
    """What an agent is doing, or why it cannot work."""

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
    """The facts that the state follows from. The event loop writes them, any thread reads them.

    Args:
        needs_llm: the agent asks an LLM, so it is not ready before `llm_usable`.
    """

    def __init__(self, *, needs_llm: bool = False) -> None:
        self._kafka = Status(State.CONNECTING, "looking for the broker")
        self._llm_problem = "not asked yet" if needs_llm else ""
        self._is_llm_asked = False
        self._is_working = False
        self._is_stopping = False
        self._logged = self.status
        self._last_logged = float("-inf")

    @property
    def status(self) -> Status:
        """The state now."""
        if self._is_stopping:
            return Status(State.STOPPING, "the agent was asked to stop")
        if self._kafka.state in (State.REFUSED, State.NO_TOPIC):
            return self._kafka
        if self._llm_problem and (self._is_llm_asked or self._kafka.state is State.JOINED):
            return Status(State.LLM_NOT_USABLE, self._llm_problem)
        if self._kafka.state is not State.JOINED:
            return self._kafka
        return Status(State.WORKING if self._is_working else State.JOINED)

    def connecting(self, reason: str) -> None:
        """Note that the agent is not a member of its group, and what it waits for."""
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
        """Note that the LLM server can be used."""
        self._llm_problem = ""
        self._log_change()

    def llm_not_usable(self, reason: str) -> None:
        """Note that the LLM server cannot be used, and why."""
        self._llm_problem, self._is_llm_asked = reason, True
        self._log_change()

    def working(self, is_working: bool) -> None:
        """Note whether the agent has unfinished records."""
        self._is_working = is_working

    def stopping(self) -> None:
        """Note that the agent was asked to stop. No other state follows."""
        self._is_stopping = True
        self._log_change()

    def _set_kafka(self, status: Status) -> None:
        self._kafka = status
        self._log_change()

    def _log_change(self) -> None:
        """Log every change of state, and a change of the reason alone now and then."""
        status, now = self.status, time.monotonic()
        if status == self._logged or (status.is_ready and self._logged.is_ready):
            return
        if status.state is self._logged.state and now - self._last_logged < _QUIET_SECONDS:
            return
        self._logged, self._last_logged = status, now
        is_trouble = status.state in (State.REFUSED, State.NO_TOPIC, State.LLM_NOT_USABLE)
        level = logging.WARNING if is_trouble else logging.INFO
        logger.log(level, "state: %s%s", status.state, f": {status.reason}" if status.reason else "")
