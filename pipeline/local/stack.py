"""Everything on one machine: a broker, an LLM server and the agents, each in a process of its own."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import LocalServiceError
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.embedded_llm import EmbeddedLlm
from pipeline.local.http_probe import AgentProbe
from pipeline.local.kafka_jars import find_kafka
from pipeline.local.process import (
    LocalProcess,
    check_port_is_free,
    child_environ,
    find_free_port,
    find_free_ports,
    while_running,
)
from pipeline.local.services import LocalBroker, LocalLlm
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.local.vllm import VllmServer, find_vllm
from pipeline.settings import PREFIX, Settings
from pipeline.topology import ROLES

_T = TypeVar("_T")

START_SECONDS = 120.0
# After this time the rest is of use without the source.
_SOURCE_SECONDS = 10.0
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How to run the local stack. A port of 0 takes a free one."""

    broker_port: int = 9092
    metrics_port: int = 9108  # port of the first agent; each further process takes the next one
    # Settings of the agents, by name. Without `llm_url` an LLM server is started.
    settings: dict[str, str] = field(default_factory=dict)
    kafka_data: Path | None = None  # runs Apache Kafka and keeps its data here; None: the embedded broker
    vllm_model: str | None = None  # runs vLLM with this model (a name or a folder); None: the embedded LLM
    # Wait without limit for an LLM server that the user runs; else as long as for one of our own.
    awaits_llm: bool = False
    source: str | None = None  # the live source to read; None: none

    @property
    def programs(self) -> list[str]:
        """The commands of `tocsin` that are run: the agents, and the source after them."""
        return [*(role.name for role in ROLES), *(["source"] if self.source else [])]


class LocalStack:
    """The running stack: its addresses and its processes."""

    def __init__(
        self,
        settings: Settings,
        processes: Sequence[LocalProcess],
        metrics_ports: Mapping[str, int],
        *,
        folder: Path,
    ) -> None:
        self.settings = settings
        self.folder = folder  # where each process logs to a file, until the stack stops
        self.metrics_urls = {name: f"http://{_HOST}:{port}/metrics" for name, port in metrics_ports.items()}
        self._processes = processes

    async def wait_for_failure(self) -> None:
        """Never return; raise `LocalServiceError` as soon as one of the processes ends."""
        await self.while_running(asyncio.Event().wait())

    async def while_running(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns, or raise `LocalServiceError` if one of the processes ends first."""
        return await while_running(self._processes, work)


@asynccontextmanager
async def local_stack(options: StackOptions, *, report: Callable[[str], None]) -> AsyncIterator[LocalStack]:
    """Start the stack, reporting each step; stop all of it at the end, agents first.

    Raises:
        LocalServiceError: a part is not installed or does not start.
        SettingsError: the settings do not fit the embedded LLM server.
    """
    _check_ports(options)  # starting the LLM server takes long, and would be for nothing
    folder = Path(tempfile.mkdtemp(prefix="tocsin-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = _choose_broker(options, folder)
        stack.push_async_callback(broker.stop)
        # The stack's own broker needs no login and has no TLS, whatever the user's broker has.
        settings = {n: v for n, v in options.settings.items() if not n.startswith("kafka_")}
        settings |= {"brokers": broker.brokers}
        processes: list[LocalProcess] = []
        awaits_llm = options.awaits_llm and "llm_url" in settings
        if "llm_url" not in settings:
            report(f"starting the LLM server ({'vLLM' if options.vllm_model else 'llama.cpp'})")
            llm = await _choose_llm(options, folder, settings)
            await _start_llm(stack, llm, report)
            settings = llm.settings
            processes.append(llm.process)
        report("starting the broker and the network")
        await while_running(processes, _start_broker(broker, report))
        processes += broker.processes
        ports = dict(zip(options.programs, _metrics_ports(options), strict=True))
        agents: dict[str, LocalProcess] = {}
        for name, port in ports.items():
            arguments = [name, *([options.source] if name == "source" and options.source else [])]
            agents[name] = _agent(arguments, settings | {"metrics_port": str(port)}, folder)
            stack.push_async_callback(agents[name].stop)
            await agents[name].start()
        processes += agents.values()
        for role in ROLES:
            limit = None if awaits_llm and role.needs_llm else START_SECONDS
            waiting = _wait_for_agent(agents[role.name], ports[role.name], report, timeout_seconds=limit)
            await while_running(processes, waiting)
        if "source" in agents:
            source = await stack.enter_async_context(_awaited(agents["source"], ports["source"], report))
            await while_running(processes, asyncio.wait([source], timeout=_SOURCE_SECONDS))
        yield LocalStack(Settings.model_validate(settings), processes, ports, folder=folder)


async def _start_llm(stack: AsyncExitStack, llm: LocalLlm, report: Callable[[str], None]) -> None:
    stack.push_async_callback(llm.process.stop)
    await llm.start(report)


async def _start_broker(broker: LocalBroker, report: Callable[[str], None]) -> None:
    await broker.start()
    await broker.wait_until_ready(START_SECONDS, report)


async def _wait_for_agent(
    agent: LocalProcess, port: int, report: Callable[[str], None], *, timeout_seconds: float | None
) -> None:
    probe = AgentProbe(f"http://{_HOST}:{port}/readyz")
    await agent.wait_until_ready(
        probe, timeout_seconds=timeout_seconds, report=report, explain=lambda: probe.reason
    )
    report(f"{agent.name} is ready")


@asynccontextmanager
async def _awaited(
    source: LocalProcess, port: int, report: Callable[[str], None]
) -> AsyncIterator[asyncio.Task[None]]:
    """Give a task that reports what the source waits for, and that it is ready. A source may be away for long."""
    waiting = asyncio.create_task(_wait_for_agent(source, port, report, timeout_seconds=None))
    try:
        yield waiting
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def _choose_broker(options: StackOptions, folder: Path) -> LocalBroker:
    port = options.broker_port or find_free_port()
    if options.kafka_data is None:
        return EmbeddedBroker(folder, port)
    program = find_kafka()
    _check_is_writable(options.kafka_data)
    return ApacheKafka(program, options.kafka_data, [port])


def _check_is_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise LocalServiceError(f"--data {folder}: {error.strerror}") from error


async def _choose_llm(options: StackOptions, folder: Path, settings: dict[str, str]) -> LocalLlm:
    if options.vllm_model is None:
        return EmbeddedLlm(folder, settings)
    program = await asyncio.to_thread(find_vllm)
    return VllmServer(program, options.vllm_model, folder=folder, chosen=settings)


def _agent(arguments: Sequence[str], settings: dict[str, str], folder: Path) -> LocalProcess:
    settings = settings | {"metrics_host": _HOST}  # readiness is asked for there
    # One thread for the network: the machine runs the broker and the LLM beside it.
    variables = {PREFIX + name.upper(): value for name, value in settings.items()} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    log_file = folder / f"{arguments[0]}.log"
    return LocalProcess(" ".join(arguments), command, log_file=log_file, environ=child_environ(variables))


def _check_ports(options: StackOptions) -> None:
    """Raise `LocalServiceError` if a port that the options name is taken, or is named twice."""
    broker, metrics = options.broker_port, options.metrics_port
    if broker:
        check_port_is_free(broker, option=f"--broker-port {broker}")
    for port in _metrics_ports(options) if metrics else []:
        option = f"--metrics-port {metrics}"
        if port == broker:
            raise LocalServiceError(f"{option}: port {port} is the broker's: choose another, or 0")
        check_port_is_free(port, option=option)


def _metrics_ports(options: StackOptions) -> list[int]:
    """Return a port for each program. Free ones are found late, so that no program takes them before the agents."""
    first, number = options.metrics_port, len(options.programs)
    return list(range(first, first + number)) if first else find_free_ports(number)
