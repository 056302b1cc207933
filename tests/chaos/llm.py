"""The process of the fake LLM server, and the requests by which a scenario makes it misbehave."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from dataclasses import asdict
from pathlib import Path

from pipeline.local.http_probe import answers_http
from pipeline.local.process import LocalProcess, child_environ, find_free_port
from tests.chaos.llm_server import Faults

_REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 60.0


class FakeLlmProcess:
    """The fake as a process; killed and started again, it has the same address and behaves well."""

    def __init__(self, log_file: Path, seed: int) -> None:
        port = find_free_port()
        self._root = f"http://127.0.0.1:{port}"
        self.url = f"{self._root}/v1"
        command = [sys.executable, "-m", "tests.chaos.llm_server", "--port", str(port), "--seed", str(seed)]
        # The tests are not installed in the environment, and child processes do not search the working directory.
        environ = child_environ({"PYTHONPATH": str(_REPOSITORY)})
        self.process = LocalProcess("fake llm", command, log_file=log_file, environ=environ)

    async def start(self) -> None:
        """Start the server; returns when it answers."""
        await self.process.start()
        await self.process.wait_until_ready(
            lambda: answers_http(f"{self.url}/models"), timeout_seconds=_START_SECONDS
        )

    async def misbehave(self, faults: Faults) -> None:
        """Let it answer every chat request with these faults from now on."""
        body = json.dumps(asdict(faults)).encode()
        request = urllib.request.Request(f"{self._root}/faults", body, {"Content-Type": "application/json"})
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=30).close())
