"""The state machine of readiness: which facts lead to which state."""

import logging

import pytest

from pipeline.monitor.readiness import Readiness, State, Status


def test_ready_once_joined_and_the_llm_usable() -> None:
    """Both facts are needed, in whatever order they come."""
    readiness = Readiness(needs_llm=True)
    assert readiness.status.state is State.CONNECTING
    readiness.joined()
    assert readiness.status == Status(State.LLM_NOT_USABLE, "not asked yet")
    readiness.llm_usable()
    assert readiness.status == Status(State.JOINED)
    assert readiness.status.is_ready


def test_the_state_with_the_highest_priority_is_shown() -> None:
    """Stopping comes before Kafka, Kafka before the LLM, and the LLM before work."""
    readiness = Readiness(needs_llm=True)
    readiness.working(True)
    readiness.llm_not_usable("away")
    readiness.refused("no right")
    assert readiness.status == Status(State.REFUSED, "no right")
    readiness.joined()
    assert readiness.status == Status(State.LLM_NOT_USABLE, "away")
    readiness.llm_usable()
    assert readiness.status == Status(State.WORKING)
    readiness.stopping()
    assert readiness.status.state is State.STOPPING
    assert not readiness.status.is_ready


def test_an_agent_that_waits_for_the_llm_shows_it_before_it_joins() -> None:
    """The broker is there and the group waits for the agent, so the LLM is what is missing."""
    readiness = Readiness(needs_llm=True)
    readiness.connecting("joining the consumer group")
    assert readiness.status.state is State.CONNECTING
    readiness.llm_not_usable("away")
    assert readiness.status == Status(State.LLM_NOT_USABLE, "away")
    readiness.llm_usable()
    assert readiness.status == Status(State.CONNECTING, "joining the consumer group")


def test_each_state_but_the_two_ready_ones_has_a_reason() -> None:
    """An operator never reads a state without its reason."""
    readiness = Readiness()
    readiness.no_topic("no topic 'posts'")
    assert readiness.status == Status(State.NO_TOPIC, "no topic 'posts'")
    readiness.connecting("joining group 'g'")
    assert readiness.status == Status(State.CONNECTING, "joining group 'g'")
    assert [Status(state).is_ready for state in State].count(True) == 2


def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the same state again, nor the step from waiting for records to working on them, is logged."""
    caplog.set_level(logging.INFO, "pipeline.monitor.readiness")
    readiness = Readiness()
    for _ in range(3):
        readiness.no_topic("no topic 'posts'")
    readiness.joined()
    readiness.working(True)
    readiness.joined()
    assert caplog.messages == ["state: no topic: no topic 'posts'", "state: joined"]


def test_reasons_that_alternate_do_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state is logged once, and a new reason for it after half a minute; `/readyz` shows each at once."""
    now = 1000.0
    monkeypatch.setattr("pipeline.monitor.readiness.time.monotonic", lambda: now)
    caplog.set_level(logging.INFO, "pipeline.monitor.readiness")
    readiness = Readiness(needs_llm=True)
    for number in range(100):
        reason = f"status {500 + number % 2}"
        readiness.llm_not_usable(reason)
        assert readiness.status == Status(State.LLM_NOT_USABLE, reason)
    assert caplog.messages == ["state: LLM not usable: status 500"]
    now += 30
    readiness.llm_not_usable("status 501")
    readiness.stopping()
    assert caplog.messages[1:] == [
        "state: LLM not usable: status 501",
        "state: stopping: the agent was asked to stop",
    ]
