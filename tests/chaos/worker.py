"""One agent as an orchestrator runs it: a process that is started again whenever it has ended."""

from __future__ import annotations

import asyncio
import http.client
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.local.http_probe import answers_http
from pipeline.local.process import LocalProcess, child_environ, find_free_port
from pipeline.settings import PREFIX

Role = Literal["annotate", "alert"]

_START_SECONDS = 180.0
_STOP_SECONDS = 30.0
_RESTART_SECONDS = 1.0  # pause before a process that ended by itself is started again
_SAMPLE = re.compile(
    r"^(process_resident_memory_bytes|process_open_fds|tocsin_event_loop_tasks) (\S+)$", re.M
)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds at one moment, according to its metrics."""

    seconds: float  # since the epoch
    resident_bytes: float
    open_files: float
    tasks: float


class Worker:
    """A `tocsin annotate` or `tocsin alert` from the environment that runs this.

    Args:
        settings: by their names, as in `TOCSIN_NAME` in lower case.
    """

    def __init__(self, role: Role, settings: Mapping[str, object], log_file: Path) -> None:
        self.role: Role = role
        self.log_file = log_file
        self.num_unasked_ends = 0
        self._port = find_free_port()
        self._is_wanted = False
        self._is_end_asked = False
        self._supervision: asyncio.Task[None] | None = None
        own = {"metrics_host": "127.0.0.1", "metrics_port": self._port}
        variables = {PREFIX + name.upper(): str(value) for name, value in {**settings, **own}.items()}
        command = [str(Path(sys.executable).with_name("tocsin")), role]
        # One thread for the network: the machine also runs another agent, a broker and the harness.
        environ = child_environ(variables | {"OMP_NUM_THREADS": "1"})
        self.process = LocalProcess(f"tocsin {role}", command, log_file=log_file, environ=environ)

    async def start(self) -> None:
        """Start it, and from now on again whenever it has ended; does not wait until it is ready."""
        self._is_wanted = True
        await self.process.start()
        self._supervision = asyncio.create_task(self._supervise())

    async def wait_until_ready(self) -> None:
        """Return once it reports that it is ready, however often it ended before."""
        async with asyncio.timeout(_START_SECONDS):
            while not await answers_http(f"http://127.0.0.1:{self._port}/readyz"):
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """SIGKILL; it is started again at once."""
        self._is_end_asked = True
        await self.process.kill()

    async def restart(self) -> None:
        """SIGTERM; it is started again when it has ended."""
        self._is_end_asked = True
        await self.process.stop(_STOP_SECONDS)

    async def stop(self) -> None:
        """SIGTERM; returns when it has ended for good."""
        self._is_wanted = False
        await self.process.stop(_STOP_SECONDS)
        if self._supervision is not None:
            await self._supervision

    async def _supervise(self) -> None:
        while True:
            await self.process.wait()
            if not self._is_wanted:
                return
            if not self._is_end_asked:
                self.num_unasked_ends += 1
                await asyncio.sleep(_RESTART_SECONDS)
            self._is_end_asked = False
            await self.process.start()

    async def footprint(self) -> Footprint | None:
        """Return what the process holds, or None if its metrics cannot be read."""
        try:
            page = await asyncio.to_thread(_get, f"http://127.0.0.1:{self._port}/metrics")
        except (urllib.error.URLError, OSError, http.client.HTTPException):
            return None
        found = {name: float(value) for name, value in _SAMPLE.findall(page)}
        return Footprint(
            seconds=time.time(),
            resident_bytes=found["process_resident_memory_bytes"],
            open_files=found["process_open_fds"],
            tasks=found["tocsin_event_loop_tasks"],
        )


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())
