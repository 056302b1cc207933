"""Ctrl-C and SIGTERM, sent to the installed program at several moments of its life."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.local.process import find_free_port
from tests.pipeline.stack_process import tocsin

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for the program's state under /proc"),
]

_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
# Seconds after the program's first moment: while modules load, while settings are read, while parts start.
_MOMENTS = (0.0, 0.05, 0.2, 0.6, 1.5)


def _handles_signals(pid: int) -> bool:
    """Return whether the process has reached our code. Before that a signal ends Python's own start."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")), 0)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def _left_running(mark: str) -> list[str]:
    """Return the command lines of processes whose environment carries the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TEST_RUN_MARK={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@asynccontextmanager
async def _silent_broker() -> AsyncIterator[int]:
    """Give the port of a server that accepts connections and never answers."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize(
    "command",
    [
        ("try", "Flood in Jakarta"),
        ("demo", "--json"),
        ("produce", "-"),
        ("watch", "--brokers", "127.0.0.1:{port}"),
        ("dead", "list", "--brokers", "127.0.0.1:{port}"),
    ],
    ids=lambda command: command[0],
)
async def test_a_signal_ends_a_command_cleanly_at_any_moment(
    command: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    """It leaves no traceback, process or folder behind, and ends with the status that shells expect."""
    async with _silent_broker() as port:
        for moment in _MOMENTS:
            mark = f"{tmp_path}/{moment}"
            arguments = [argument.format(port=port) for argument in command]
            brokers = {"TOCSIN_BROKERS": f"127.0.0.1:{port}"} if "--brokers" not in command else {}
            async with tocsin(*arguments, folder=tmp_path, TEST_RUN_MARK=mark, **brokers) as process:
                await _until(lambda pid=process.pid: _handles_signals(pid))  # type: ignore[misc]
                await asyncio.sleep(moment)
                process.send_signal(number)
                async with asyncio.timeout(60):
                    _, log = await process.communicate()
            assert (process.returncode, "Traceback" in log.decode()) == (_STATUS[number], False), (
                f"after {moment} s: {log.decode()}"
            )
            assert _left_running(mark) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("command", ["up", "annotate", "alert"])
async def test_a_signal_ends_an_agent_and_the_stack_cleanly_at_any_moment(
    command: str, number: signal.Signals, tmp_path: Path
) -> None:
    """They end with status 0 or, before their work has begun, with the status of the signal; never with a traceback."""
    arguments = ("up", "--broker-port", "0", "--metrics-port", "0") if command == "up" else (command,)
    variables = {"TOCSIN_BROKERS": f"127.0.0.1:{find_free_port()}", "TOCSIN_METRICS_PORT": "0"}
    for moment in _MOMENTS:
        mark = f"{tmp_path}/{moment}"
        async with tocsin(*arguments, folder=tmp_path, TEST_RUN_MARK=mark, **variables) as process:
            await _until(lambda pid=process.pid: _handles_signals(pid))  # type: ignore[misc]
            await asyncio.sleep(moment)
            process.send_signal(number)
            async with asyncio.timeout(60):
                _, log = await process.communicate()
        assert process.returncode in (0, _STATUS[number]), f"after {moment} s: {log.decode()}"
        assert "Traceback" not in log.decode()
        assert _left_running(mark) == []
