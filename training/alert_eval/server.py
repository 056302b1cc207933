"""The embedded LLM server, started for an evaluation in a process of its own (`pipeline` is never imported here)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from training.errors import WriterError

_START_SECONDS = 180.0
_POLL_SECONDS = 0.3
_SLOTS = 31  # the largest n, and one that keeps the selection prompt
_CONTEXT = 8192  # tokens


@contextmanager
def llm_server(adapter: Path | None) -> Iterator[str]:
    """Yield the base URL of a server with the base model, and the adapter if there is one.

    Raises:
        WriterError: the server does not come up.
    """
    port = _find_free_port()
    command = [sys.executable, "-P", "-m", "pipeline.local.llama_server", "--port", str(port)]
    command += ["--slots", str(_SLOTS), "--context", str(_CONTEXT)]
    if adapter is not None:
        command += ["--lora", str(adapter)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    try:
        _wait(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5.0, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(_POLL_SECONDS)
    raise WriterError(
        "the embedded LLM server did not come up: run `python -m pipeline.local.llama_server --port 8000`"
    )


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
