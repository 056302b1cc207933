import asyncio
import subprocess
import sys

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.monitor.health import Health, Progress
from pipeline.monitor.metrics import Metrics
from pipeline.monitor.watchdog import Watchdog, watched
from pipeline.settings import Settings

_STALL_SECONDS = 0.4


class Broker:
    """Fake of the broker's number of waiting records, as `count_waiting` returns it."""

    def __init__(self, num_waiting: int) -> None:
        self.num_waiting = num_waiting
        self.is_away = False

    async def count(self) -> int:
        if self.is_away:
            raise BrokerUnavailableError("away")
        return self.num_waiting


async def _problem_after(seconds: float, broker: Broker, *, move_every: float | None = None) -> str | None:
    """Return what the liveness probe shows after this time, with progress at this interval or none at all."""
    progress, health = Progress(Metrics("annotate")), Health()
    dog = Watchdog(progress, health, count_waiting=broker.count, stall_seconds=_STALL_SECONDS)
    watching = asyncio.create_task(dog.watch())
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(move_every or seconds)
        if move_every:
            progress.move()
    watching.cancel()
    return health.why_not_alive()


async def test_waiting_records_without_progress_are_a_stall() -> None:
    """The probe shows how many records wait, and for how long."""
    problem = await _problem_after(1.0, Broker(7))
    assert problem is not None
    assert problem.startswith("7 records wait and nothing moved for")


async def test_slow_progress_is_not_a_stall() -> None:
    """A commit, an outcome, or an answer or a failure of the LLM now and then is enough."""
    assert await _problem_after(1.5, Broker(7), move_every=0.1) is None


async def test_having_nothing_to_do_is_not_a_stall() -> None:
    """A first record that comes after a long quiet time is not a stall either."""
    broker = Broker(0)
    asyncio.get_running_loop().call_later(0.9, setattr, broker, "num_waiting", 3)
    assert await _problem_after(1.1, broker) is None


async def test_an_outage_of_the_broker_is_not_a_stall() -> None:
    """A new process would not reach the broker either."""
    broker = Broker(7)
    broker.is_away = True
    assert await _problem_after(1.0, broker) is None


async def test_a_stall_ends_when_something_moves() -> None:
    """The liveness probe succeeds again."""
    progress, health = Progress(Metrics("annotate")), Health()
    dog = Watchdog(progress, health, count_waiting=Broker(7).count, stall_seconds=_STALL_SECONDS)
    watching = asyncio.create_task(dog.watch())
    await asyncio.sleep(1.0)
    assert health.why_not_alive()
    progress.move()
    await asyncio.sleep(_STALL_SECONDS / 2)
    assert health.why_not_alive() is None
    watching.cancel()


def test_a_process_with_a_stall_ends_itself() -> None:
    """It ends with status 1 and one line with the reason, even if its event loop hangs."""
    code = """
import logging, time
from pipeline.monitor.health import Health
from pipeline.monitor.watchdog import end_process_when_dead
logging.basicConfig()
health = Health()
end_process_when_dead(health)
health.note_stall("7 records wait")
time.sleep(30)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "ending the process: 7 records wait" in result.stderr


async def test_a_watchdog_that_fails_makes_the_process_not_alive(caplog: pytest.LogCaptureFixture) -> None:
    """After a defect of the watchdog the process would otherwise run unwatched."""

    async def count_waiting() -> int:
        raise ZeroDivisionError

    health, settings = Health(), Settings(stall_seconds=2.0)
    progress = Progress(Metrics("annotate"))
    async with watched(count_waiting, progress, health, settings=settings):
        async with asyncio.timeout(10):
            while not health.why_not_alive():
                await asyncio.sleep(0.1)
    assert health.why_not_alive() == "the watchdog failed: ZeroDivisionError"
