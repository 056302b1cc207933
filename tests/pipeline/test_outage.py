import asyncio
import logging

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.outage import Outage, backoff_seconds, until_it_works


async def test_connecting_is_tried_until_it_works() -> None:
    """Each failure is reported, and the first success is returned."""
    failures: list[str] = []

    async def attempt() -> str:
        if len(failures) < 2:
            raise BrokerUnavailableError("away")
        return "there"

    assert await until_it_works(attempt, on=BrokerUnavailableError, on_failure=failures.append) == "there"
    assert len(failures) == 2


async def test_a_reason_that_stays_the_same_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A new reason is logged, and so is an old one that comes back after it."""
    reasons = ["away", "away", "refused", "refused", "away"]

    async def attempt() -> None:
        if reasons:
            raise BrokerUnavailableError(reasons.pop(0))

    await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)
    ours = [record.getMessage() for record in caplog.records if record.name == "pipeline.outage"]
    assert ours == ["away; trying again", "refused; trying again", "away; trying again"]


async def test_other_errors_are_not_waited_out() -> None:
    """A defect of ours is raised at once."""

    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)


async def test_a_wait_for_the_next_attempt_ends_at_once_when_cancelled() -> None:
    """The first wait takes half a second or more; a cancelled task does not sit it out, and makes no more attempts."""
    has_failed = asyncio.Event()
    num_attempts = 0

    async def attempt() -> None:
        nonlocal num_attempts
        num_attempts += 1
        has_failed.set()
        raise BrokerUnavailableError("away")

    waiting = asyncio.create_task(
        until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)
    )
    await has_failed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert num_attempts == 1


async def test_a_cancelled_attempt_is_not_tried_again() -> None:
    """A cancellation is not a failure of the server, whatever errors count as expected."""
    has_begun = asyncio.Event()
    num_attempts = 0

    async def attempt() -> None:
        nonlocal num_attempts
        num_attempts += 1
        has_begun.set()
        await asyncio.Event().wait()

    trying = asyncio.create_task(until_it_works(attempt, on=Exception, on_failure=lambda _: None))
    await has_begun.wait()
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert num_attempts == 1


def test_the_backoff_doubles_up_to_its_limit() -> None:
    """Each wait lies between half of a doubled time and all of it; a very high attempt overflows nothing."""
    for attempt, longest in [(0, 0.1), (1, 0.2), (3, 0.8), (6, 5.0), (10_000, 5.0)]:
        waits = [backoff_seconds(attempt, max_seconds=5.0) for _ in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


def test_each_reason_of_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The server is away, then it refuses the key: two lines, however many requests fail, and one for the recovery."""
    caplog.set_level(logging.INFO, "pipeline.outage")
    outage = Outage("LLM server")
    for _ in range(3):
        outage.begin()
        outage.report(BrokerUnavailableError("away"))
        outage.report(BrokerUnavailableError("no key"))
    outage.end()
    assert [line.partition(";")[0] for line in caplog.messages[:2]] == ["away", "no key"]
    assert caplog.messages[2].startswith("LLM server answers again after")
    assert len(caplog.messages) == 3


def test_an_outage_soon_after_another_is_logged_once_it_lasts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy server would fill the log, so the second outage is logged only half a minute after the first."""
    now = 1000.0
    monkeypatch.setattr("pipeline.outage.time.monotonic", lambda: now)
    outage = Outage("LLM server")
    outage.begin()
    outage.report(BrokerUnavailableError("away"))
    outage.end()
    now += 5
    outage.begin()
    outage.report(BrokerUnavailableError("away again"))
    assert len(caplog.messages) == 1
    now += 30
    outage.report(BrokerUnavailableError("still away"))
    assert [line.partition(";")[0] for line in caplog.messages] == ["away", "still away"]


def test_a_server_that_says_something_new_each_time_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only the first few reasons of an outage are logged."""
    outage = Outage("LLM server")
    outage.begin()
    for number in range(100):
        outage.report(BrokerUnavailableError(f"code {number}"))
    assert len(caplog.messages) == 5
