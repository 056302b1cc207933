"""A child process of `tocsin up`: started with a log file, watched, ended with its parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Never, TypeVar

from pipeline.errors import LocalServiceError
from pipeline.local.slow_start import SlowStart, last_line, say_nothing
from pipeline.settings import PREFIX
from pipeline.stopping import unless

_T = TypeVar("_T")

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1
_LOG_TAIL_CHARACTERS = 2_000

# Loaded before any fork: a child must not import between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class LocalProcess:
    """One child process.

    Args:
        name: for people.
        log_file: gets its output. The end of it is shown if the process fails.
        environ: its whole environment.
        working_folder: None: the folder of this process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        environ: Mapping[str, str],
        working_folder: Path | None = None,
    ) -> None:
        self.name = name
        self._command = command
        self._log_file = log_file
        self._environ = environ
        self._working_folder = working_folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; ready or not."""
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self._environ),
                cwd=self._working_folder,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order
                preexec_fn=_die_with_parent,
            )

    async def wait_until_ready(
        self,
        probe: Callable[[], Awaitable[bool]],
        *,
        timeout_seconds: float | None,
        report: Callable[[str], None] = say_nothing,
        explain: Callable[[], str] | None = None,
    ) -> None:
        """Return once `probe` returns True. If that takes long, `report` is called with the reason.

        Args:
            timeout_seconds: None: no limit while it runs.
            explain: returns the reason; None: the last line of its log is the reason.

        Raises:
            LocalServiceError: it ended, or is not ready in time; the text holds the end of its log.
        """
        slow = SlowStart(self.name, report)
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await probe():
                    self.raise_if_ended()
                    slow.note(explain or (lambda: last_line(self._log_file)))
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise LocalServiceError(self._with_log(f"not ready after {timeout_seconds:.0f} s")) from None

    def raise_if_ended(self) -> None:
        """Raise `LocalServiceError` if the process is no longer running."""
        if self._process is not None and self._process.returncode is not None:
            raise LocalServiceError(self._with_log(_how_ended(self._process.returncode)))

    async def wait(self) -> None:
        """Return once the process has ended."""
        if self._process is not None:
            await self._process.wait()

    async def wait_for_success(self, *, timeout_seconds: float) -> None:
        """Return once the process has done its work and ended with status 0.

        Raises:
            LocalServiceError: another status, or not done in time; the text holds the end of its log.
        """
        assert self._process is not None, "not started"
        try:
            status = await asyncio.wait_for(self._process.wait(), timeout_seconds)
        except TimeoutError:
            raise LocalServiceError(self._with_log(f"not done after {timeout_seconds:.0f} s")) from None
        if status != 0:
            self.raise_if_ended()

    async def kill(self) -> None:
        """End it at once, by SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """End it by SIGTERM, and by SIGKILL if that takes longer than the timeout."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout_seconds)
        except TimeoutError:
            await self.kill()

    def _with_log(self, problem: str) -> str:
        tail = (
            self._log_file.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
            if self._log_file.exists()
            else ""
        )
        return f"{self.name} {problem}; the end of its log:\n{tail}"


def _how_ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


async def while_running(processes: Sequence[LocalProcess], work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns, unless one of the started processes ends before.

    Raises:
        LocalServiceError: one ended; the text holds the end of its log.
    """
    return await unless(work, *(_raise_at_end(process) for process in processes))


async def _raise_at_end(process: LocalProcess) -> Never:
    await process.wait()
    process.raise_if_ended()
    raise AssertionError("not started")


def child_environ(variables: Mapping[str, str]) -> dict[str, str]:
    """Return our environment for a child process, without the settings of `tocsin` and with these variables.

    A Python that is started with it, and every Python that this one starts, imports no module from the working
    directory, which may hold a `models/` or `queue.py` of the user's.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {"PYTHONSAFEPATH": "1"} | dict(variables)


def find_free_port() -> int:
    """Return a TCP port of the loopback interface that was free a moment ago."""
    return find_free_ports(1)[0]


def find_free_ports(number: int) -> list[int]:
    """Return this number of different TCP ports of the loopback interface that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def check_port_is_free(port: int, *, option: str) -> None:
    """Raise `LocalServiceError` if a program listens on this loopback port; the text begins with the option."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalServiceError(
                f"{option}: port {port} of 127.0.0.1: {error.strerror}; 0 takes a free one"
            ) from error


async def answers_tcp(port: int) -> bool:
    """Return whether a program listens on this loopback port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # the parent died between fork and here
            os._exit(1)
