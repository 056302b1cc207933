"""Everything on one machine: a broker, an LLM server and the two agents, each its own process."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from pipeline.apache_kafka import ApacheKafka
from pipeline.embedded_broker import EmbeddedBroker
from pipeline.kafka_program import find_kafka
from pipeline.local_process import (
    LocalProcess,
    answers_http,
    check_port_is_free,
    child_environ,
    find_free_port,
)
from pipeline.settings import PREFIX, Settings

_START_SECONDS = 120.0

# The embedded LLM decodes on one core: more requests at once would only wait for each other there.
_EMBEDDED_LLM_SETTINGS = {"llm_max_requests": "1", "num_samples": "4"}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How to run the local stack. A port of 0 takes a free one."""

    broker_port: int = 9092
    metrics_port: int = 9108  # of the annotate agent; the alert agent takes the next
    llm_url: str | None = None  # an LLM server that runs already; none: start the embedded one
    settings: dict[str, str] = field(default_factory=dict)  # further settings of the agents, by their names
    kafka_data: Path | None = None  # run Apache Kafka and keep its data here; none: the embedded broker


class LocalBroker(Protocol):
    """A Kafka-protocol broker of this machine that is started and stopped with the stack."""

    has_idempotence: ClassVar[bool]  # can drop what a producer's retry sends twice
    brokers: str  # bootstrap servers
    processes: list[LocalProcess]

    async def start(self) -> None:
        """Start it; ready or not."""

    async def wait_until_ready(self, timeout_seconds: float) -> None:
        """Return once clients can use it."""

    async def stop(self) -> None:
        """End it."""


class LocalStack:
    """The running stack: its addresses and its processes."""

    def __init__(
        self, settings: Settings, processes: Sequence[LocalProcess], metrics_ports: Sequence[int]
    ) -> None:
        self.settings = settings
        self.metrics_urls = [f"http://127.0.0.1:{port}/metrics" for port in metrics_ports]
        self._processes = processes

    async def wait_for_failure(self) -> None:
        """Return never, or raise `LocalServiceError` when one of the processes ends."""
        waits = [asyncio.ensure_future(process.wait()) for process in self._processes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for process in self._processes:
            process.raise_if_ended()


@asynccontextmanager
async def local_stack(options: StackOptions, *, report: Callable[[str], None]) -> AsyncIterator[LocalStack]:
    """Start the stack, telling `report` each step; stop all of it on leaving, agents first.

    Raises:
        LocalServiceError: a part is not installed or does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="tocsin-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = _choose_broker(options, folder)
        stack.push_async_callback(broker.stop)
        await broker.start()
        settings = options.settings | {"brokers": broker.brokers}
        if not broker.has_idempotence:
            settings |= {"producer_idempotence": "false"}
        if options.llm_url:
            settings |= {"llm_url": options.llm_url}
        else:
            report("starting the LLM server (llama.cpp)")
            settings = await embedded_llm(stack, folder, settings)
        report("starting the broker and the network")
        await broker.wait_until_ready(_START_SECONDS)
        ports = [_choose_port(options.metrics_port and options.metrics_port + n) for n in range(2)]
        agents = [
            await _start(stack, _agent(role, settings | {"metrics_port": str(port)}, folder))
            for role, port in zip(("annotate", "alert"), ports, strict=True)
        ]
        for agent, port in zip(agents, ports, strict=True):
            await _wait_for_agent(agent, port)
            report(f"{agent.name} is ready")
        yield LocalStack(Settings.model_validate(settings), [*broker.processes, *agents], ports)


async def _wait_for_agent(agent: LocalProcess, port: int) -> None:
    await agent.wait_until_ready(
        lambda: answers_http(f"http://127.0.0.1:{port}/readyz"), timeout_seconds=_START_SECONDS
    )


async def embedded_llm(stack: AsyncExitStack, folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """Start the embedded LLM server, stopped with `stack`, ready or not; returns the settings to use it with."""
    settings = _EMBEDDED_LLM_SETTINGS | settings
    port = find_free_port()
    # For each request its samples, and one slot that keeps the selection prompt, or it is read anew for every post.
    slots = int(settings["llm_max_requests"]) * (int(settings["num_samples"]) + 1)
    command = [sys.executable, "-m", "pipeline.llm_server", "--port", str(port), "--slots", str(slots)]
    await _start(stack, LocalProcess("llm", command, log_file=folder / "llm.log", environ=child_environ({})))
    return settings | {"llm_url": f"http://127.0.0.1:{port}/v1"}


async def _start(stack: AsyncExitStack, process: LocalProcess) -> LocalProcess:
    await process.start()
    stack.push_async_callback(process.stop)
    return process


def _choose_broker(options: StackOptions, folder: Path) -> LocalBroker:
    port = _choose_port(options.broker_port)
    if options.kafka_data is None:
        return EmbeddedBroker(folder, port)
    return ApacheKafka(find_kafka(), options.kafka_data, [port])


def _agent(role: str, settings: dict[str, str], folder: Path) -> LocalProcess:
    # One thread for the network: the machine has the broker and the LLM to run beside it.
    variables = {PREFIX + name.upper(): value for name, value in settings.items()} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline.cli", role]
    return LocalProcess(role, command, log_file=folder / f"{role}.log", environ=child_environ(variables))


def _choose_port(wanted: int) -> int:
    if wanted == 0:
        return find_free_port()
    check_port_is_free(wanted)
    return wanted
