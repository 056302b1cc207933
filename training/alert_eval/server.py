"""The embedded LLM server, started for an evaluation in a process of its own (`pipeline` is never imported here)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import WriterError

ADAPTER = Path(__file__).resolve().parents[2] / "models" / "writers" / "social" / "adapter.gguf"
_START_SECONDS = 180.0
_SLOTS = 31  # the largest n, and one that keeps the selection prompt
_CONTEXT = 8192  # tokens


@contextmanager
def llm_server(adapter: Path | None) -> Iterator[str]:
    """Give the base URL of a server with the default model, and the adapter if there is one.

    Raises:
        WriterError: it does not come up.
    """
    port = _free_port()
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
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of ours
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise WriterError(
        "the embedded LLM server did not come up: run `python -m pipeline.local.llama_server --port 8000`"
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
