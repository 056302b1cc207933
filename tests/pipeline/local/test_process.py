import asyncio
import os
import sys
from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local.process import (
    LocalProcess,
    answers_tcp,
    check_port_is_free,
    child_environ,
    find_free_port,
    while_running,
)

_IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def _python(code: str, folder: Path) -> LocalProcess:
    return LocalProcess("child", [sys.executable, "-c", code], log_file=folder / "log", environ=os.environ)


async def _has_logged(folder: Path) -> bool:
    return bool((folder / "log").read_text())


async def test_a_process_that_ends_too_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The error of the start has the last lines of the log."""
    process = _python("print('no such model'); raise SystemExit(3)", tmp_path)
    await process.start()

    async def never() -> bool:
        return False

    with pytest.raises(LocalServiceError, match=r"(?s)child ended with status 3.*no such model"):
        await process.wait_until_ready(never, timeout_seconds=20)


async def test_waiting_for_a_process_that_is_never_ready_ends(tmp_path: Path) -> None:
    """After the timeout the wait is an error."""
    process = _python("import time; time.sleep(60)", tmp_path)
    await process.start()
    with pytest.raises(LocalServiceError, match="not ready after 0 s"):
        await process.wait_until_ready(lambda: answers_tcp(1), timeout_seconds=0.2)
    await process.stop()


async def test_kill_ends_a_process_that_ignores_sigterm(tmp_path: Path) -> None:
    """The same process can then be started again."""
    process = _python(_IGNORES_SIGTERM, tmp_path)
    for _ in range(2):
        await process.start()
        await process.wait_until_ready(lambda: _has_logged(tmp_path), timeout_seconds=20)
        await process.kill()
        with pytest.raises(LocalServiceError, match="was ended by signal 9"):
            process.raise_if_ended()


async def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """No process outlives `stop`."""
    process = _python(_IGNORES_SIGTERM, tmp_path)
    await process.start()
    await process.wait_until_ready(lambda: _has_logged(tmp_path), timeout_seconds=20)
    await process.stop(timeout_seconds=0.2)
    with pytest.raises(LocalServiceError, match="was ended by signal 9"):
        process.raise_if_ended()


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel ends children with their parent on Linux only"
)
async def test_children_die_with_their_parent(tmp_path: Path) -> None:
    """Even after a SIGKILL of `tocsin up` no child process stays."""
    parent_code = f"""
import asyncio, os, sys
from pathlib import Path
from pipeline.local.process import LocalProcess
async def main():
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    log_file = Path({str(tmp_path / "pid")!r})
    await LocalProcess("c", [sys.executable, "-c", code], log_file=log_file, environ=os.environ).start()
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", parent_code)
    pid_file = tmp_path / "pid"
    async with asyncio.timeout(20):
        while not (pid_file.exists() and pid_file.read_text().strip()):
            await asyncio.sleep(0.05)
    parent.kill()
    await parent.wait()
    child = int(pid_file.read_text())
    async with asyncio.timeout(5):
        while _is_running(child):
            await asyncio.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


async def test_ports_are_probed() -> None:
    """A free port is found free, and a taken one is refused with its number and the option that names it."""
    port = find_free_port()
    check_port_is_free(port, option="--port")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    async with server:
        assert await answers_tcp(port)
        with pytest.raises(
            LocalServiceError, match=f"^--port: port {port} of 127.0.0.1: Address already in use"
        ):
            check_port_is_free(port, option="--port")
    assert not await answers_tcp(port)


async def test_work_ends_with_the_process_that_it_needs(tmp_path: Path) -> None:
    """The end of the process is raised with its log, and the work is cancelled; finished work gives its result."""
    process = _python("print('bad weights'); input()", tmp_path)
    is_cancelled = False

    async def work() -> None:
        nonlocal is_cancelled
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled = True

    await process.start()
    with pytest.raises(LocalServiceError, match=r"(?s)child ended with status 1.*bad weights"):
        await asyncio.wait_for(while_running([process], work()), 20)
    assert is_cancelled
    assert await while_running([], asyncio.sleep(0, "done")) == "done"


async def test_a_child_takes_no_module_from_the_working_directory(tmp_path: Path) -> None:
    """No process below the child does either, so files of the user are never run."""
    (tmp_path / "queue.py").write_text("raise SystemExit('a file of the user was run')")
    inner = "import queue; print(queue.__file__, flush=True)"
    code = f"import queue, subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    process = LocalProcess(
        "child",
        [sys.executable, "-c", code],
        log_file=tmp_path / "log",
        environ=child_environ({}),
        working_folder=tmp_path,
    )
    await process.start()
    await process.wait_for_success(timeout_seconds=30)
    assert str(tmp_path) not in (tmp_path / "log").read_text()


async def test_a_long_wait_reports_the_last_words_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has the last line of the log, or a reason that the caller supplies."""
    monkeypatch.setattr("pipeline.local.slow_start.FIRST_SECONDS", 0.0)
    monkeypatch.setattr("pipeline.local.slow_start.AGAIN_SECONDS", 0.0)
    for explain, expected in ((None, "it says: loading"), (lambda: "no topic", "no topic")):
        said: list[str] = []
        process = _python("import time; print('loading', flush=True); time.sleep(60)", tmp_path)
        await process.start()

        async def has_spoken(said: list[str] = said, expected: str = expected) -> bool:
            return any(expected in line for line in said)

        try:
            await process.wait_until_ready(
                has_spoken, timeout_seconds=20, report=said.append, explain=explain
            )
        finally:
            await process.stop()
