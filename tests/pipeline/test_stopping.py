import asyncio
import os
import signal
import sys
from typing import Never

import pytest

from pipeline.stopping import run, unless

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Work:
    """Fake of work that never ends by itself and whose clean-up takes several turns of the event loop."""

    def __init__(self) -> None:
        self.is_cleaned_up = False

    async def run(self) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            self.is_cleaned_up = True
        return "never"


async def _raise(error: Exception) -> Never:
    await asyncio.sleep(0)
    raise error


async def test_work_that_ends_first_gives_its_result_and_the_end_is_cancelled() -> None:
    """The end has cleaned up by then, too."""
    end = Work()
    assert await unless(asyncio.sleep(0.01, "done"), end.run()) == "done"
    assert end.is_cleaned_up


async def test_work_that_fails_first_raises_its_error_as_it_is() -> None:
    """The error is not wrapped in a group, because callers catch it by its class."""
    with pytest.raises(KeyError, match="gone"):
        await unless(_raise(KeyError("gone")), asyncio.Event().wait())


async def test_an_end_that_comes_first_cancels_the_work_and_waits_for_its_clean_up() -> None:
    """The result is None; an error of the end is raised."""
    work = Work()
    assert await unless(work.run(), asyncio.Event().wait(), asyncio.sleep(0)) is None
    assert work.is_cleaned_up
    work = Work()
    with pytest.raises(KeyError, match="gone"):
        await unless(work.run(), asyncio.Event().wait(), _raise(KeyError("gone")))
    assert work.is_cleaned_up


async def test_a_result_is_not_lost_to_an_end_at_the_same_moment() -> None:
    """The result of the work counts, and so does its error."""
    work: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    work.set_result("done")
    end.set_exception(KeyError("gone"))
    assert await unless(work, end) == "done"


async def test_a_cancellation_from_outside_cancels_everything() -> None:
    """No task runs on in the background."""
    work, end = Work(), Work()
    task = asyncio.ensure_future(unless(work.run(), end.run()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.is_cleaned_up
    assert end.is_cleaned_up


async def _run_python(code: str) -> tuple[int | None, str, str]:
    """Return status, output and log of a Python that runs the code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            output, log = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(), log.decode()


@pytest.mark.parametrize("number", _SIGNALS, ids=lambda number: number.name)
async def test_a_signal_cancels_the_work_and_ends_the_process_after_its_clean_up(
    number: signal.Signals,
) -> None:
    """The status is the one that shells expect, and a failure of the clean-up is not shown."""
    code = f"""
import asyncio, os, signal
from pipeline.stopping import end_at_once_on_signal, run
end_at_once_on_signal()
async def work():
    os.kill(os.getpid(), {number})
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up")
        raise KeyError
run(work())
"""
    assert await _run_python(code) == (128 + number, "cleaned up\n", "")


async def test_a_signal_that_the_parent_ignores_is_ignored() -> None:
    """A shell starts background programs that way, because Ctrl-C is meant for another program."""
    code = """
import asyncio, os, signal
from pipeline.stopping import Stop, end_at_once_on_signal, run
signal.signal(signal.SIGINT, signal.SIG_IGN)
end_at_once_on_signal()
os.kill(os.getpid(), signal.SIGINT)
async def work():
    stop = Stop.on_signal()
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0.1)
    return stop.signal
print(run(work()))
"""
    assert await _run_python(code) == (0, "None\n", "")


@pytest.mark.parametrize("is_command", [True, False], ids=["command", "agent"])
async def test_the_third_signal_ends_a_process_that_does_not_finish(is_command: bool) -> None:
    """The first begins the clean-up, and the second does not cut it short."""
    start = "run(work())" if is_command else "asyncio.run(agent())"
    code = f"""
import asyncio, os, signal
from pipeline.stopping import Stop, run, unless
async def work():
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    print("cleaning up", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()
async def agent():
    stop = Stop.on_signal()
    await unless(work(), stop.wait())
signal.signal(signal.SIGINT, signal.default_int_handler)
{start}
"""
    assert await _run_python(code) == (130, "cleaning up\n", "")


def test_work_without_a_signal_returns_and_raises_as_it_would() -> None:
    """The signal handlers change nothing about its result or its error."""

    async def work(error: Exception | None) -> int:
        await asyncio.sleep(0)
        if error:
            raise error
        return os.getpid()

    before = [signal.getsignal(number) for number in _SIGNALS]
    try:
        assert run(work(None)) == os.getpid()
        with pytest.raises(KeyError, match="gone"):
            run(work(KeyError("gone")))
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
