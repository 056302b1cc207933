"""An agent as a process of its own, run as a deployment runs it; its methods wait until it has done something."""

import asyncio
import http.client
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pipeline.local.http_probe import answers_http
from pipeline.local.process import find_free_port
from pipeline.settings import PREFIX, Settings


class AgentProcess:
    """One agent, or `source NAME`, on the broker of `clients`, with further settings."""

    def __init__(self, role: str, log_file: Path, clients: Settings, **settings: object) -> None:
        self.log_file = log_file
        self._role = role
        self._port = find_free_port()
        settings |= {"brokers": clients.brokers, "producer_idempotence": clients.producer_idempotence}
        settings |= {"metrics_port": self._port, "num_samples": 2}
        variables = {f"TOCSIN_{name.upper()}": str(value) for name, value in settings.items()}
        # The test run may have settings for agents in its environment; these agents must not get them.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environ = inherited | variables | {"OMP_NUM_THREADS": "1"}

    @property
    def url(self) -> str:
        """Where it serves metrics and probes."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("tocsin"),
                *self._role.split(),
                env=self._environ,
                stdout=log,
                stderr=log,
            )

    async def wait_until_ready(self) -> None:
        async with asyncio.timeout(60):
            while not await answers_http(f"http://127.0.0.1:{self._port}/readyz"):
                assert self.process.returncode is None, self.log_file.read_text()
                await asyncio.sleep(0.1)

    async def readiness(self) -> dict[str, Any]:
        """Return what it says at `/readyz`."""
        return await asyncio.to_thread(self._read_readiness)

    def _read_readiness(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            found: dict[str, Any] = json.load(connection.getresponse())
            return found
        finally:
            connection.close()

    async def until_state(self, state: str, reason: str = "") -> None:
        """Return once it says that it is in this state, for a reason that holds these words."""
        async with asyncio.timeout(60):
            while (found := await self.readiness())["state"] != state or reason not in found["reason"]:
                await asyncio.sleep(0.1)

    async def stop(self) -> float:
        """Stop it as an orchestrator does; returns the seconds it took. It must end with status 0."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), 20)
        assert status == 0, self.log_file.read_text()
        return time.monotonic() - started

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running(*agents: AgentProcess) -> AsyncIterator[None]:
    """Start the agents; those that still run in the end are killed."""
    try:
        for agent in agents:
            await agent.start()
        yield
    finally:
        for agent in agents:
            await agent.kill()


async def until_logged(agent: AgentProcess, text: str) -> None:
    await until(lambda: text in agent.log_file.read_text())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.1)
