"""A broker and an LLM server of this machine, as the stack needs them. Another one is a class with these methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pipeline.local.process import LocalProcess
from pipeline.local.slow_start import say_nothing


class LocalBroker(Protocol):
    """A Kafka-protocol broker of this machine that is started and stopped with the stack."""

    brokers: str  # bootstrap servers
    processes: list[LocalProcess]

    async def start(self) -> None:
        """Start it; ready or not."""

    async def wait_until_ready(
        self, timeout_seconds: float, report: Callable[[str], None] = say_nothing
    ) -> None:
        """Return once clients can use it. If that takes long, `report` is called with the reason."""

    async def stop(self) -> None:
        """End it."""


class LocalLlm(Protocol):
    """An LLM server of this machine that is started and stopped with the programs that ask it."""

    title: str  # the product's name, for people
    process: LocalProcess
    # Settings of the programs that ask it: its URL, and what suits it unless the user chose otherwise.
    settings: dict[str, str]

    async def start(self, report: Callable[[str], None] = say_nothing) -> None:
        """Start it; returns once programs that ask it may be started. They wait for it if it is not ready then."""
