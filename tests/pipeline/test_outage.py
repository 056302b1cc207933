import logging

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.outage import Outage, until_it_works


async def test_connecting_is_tried_until_it_works() -> None:
    """Each failure is reported; the first success ends it."""
    failures: list[str] = []

    async def attempt() -> str:
        if len(failures) < 2:
            raise BrokerUnavailableError("away")
        return "there"

    assert await until_it_works(attempt, on=BrokerUnavailableError, on_failure=failures.append) == "there"
    assert len(failures) == 2


async def test_a_reason_that_stays_the_same_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A new one, and an old one that comes back, are news."""
    reasons = ["away", "away", "refused", "refused", "away"]

    async def attempt() -> None:
        if reasons:
            raise BrokerUnavailableError(reasons.pop(0))

    await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)
    ours = [record.getMessage() for record in caplog.records if record.name == "pipeline.outage"]
    assert ours == ["away; trying again", "refused; trying again", "away; trying again"]


async def test_other_errors_are_not_waited_out() -> None:
    """A defect is no outage."""

    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)


def test_each_reason_of_an_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """First it is away, then it is there and refuses the key: two lines, whoever fails how often, and the recovery."""
    caplog.set_level(logging.INFO, "pipeline.outage")
    outage = Outage("LLM server")
    for _ in range(3):
        outage.begin()
        outage.tell(BrokerUnavailableError("away"))
        outage.tell(BrokerUnavailableError("no key"))
    outage.end()
    assert [line.partition(";")[0] for line in caplog.messages[:2]] == ["away", "no key"]
    assert caplog.messages[2].startswith("LLM server answers again after")
    assert len(caplog.messages) == 3


def test_an_outage_soon_after_another_is_told_once_it_lasts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy server would fill the log: so not at once, but when half a minute is over and it is still away."""
    now = 1000.0
    monkeypatch.setattr("pipeline.outage.time.monotonic", lambda: now)
    outage = Outage("LLM server")
    outage.begin()
    outage.tell(BrokerUnavailableError("away"))
    outage.end()
    now += 5
    outage.begin()
    outage.tell(BrokerUnavailableError("away again"))
    assert len(caplog.messages) == 1
    now += 30
    outage.tell(BrokerUnavailableError("still away"))
    assert [line.partition(";")[0] for line in caplog.messages] == ["away", "still away"]


def test_a_server_that_says_something_new_each_time_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its codes are its own."""
    outage = Outage("LLM server")
    outage.begin()
    for number in range(100):
        outage.tell(BrokerUnavailableError(f"code {number}"))
    assert len(caplog.messages) == 5
