"""The embedded broker for tests: a real one, started on a free port and stopped after."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local_process import answers_tcp, find_free_port
from pipeline.local_stack import embedded_broker_process


@asynccontextmanager
async def embedded_broker(port: int | None = None) -> AsyncIterator[str]:
    """Give the bootstrap address of a broker that lives as long as the context."""
    port = port or find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        try:
            broker = embedded_broker_process(port, Path(folder))
        except LocalServiceError as error:
            pytest.skip(str(error))
        await broker.start()
        try:
            await broker.wait_until_ready(lambda: answers_tcp(port), timeout_seconds=20)
            yield f"127.0.0.1:{port}"
        finally:
            await broker.stop()
