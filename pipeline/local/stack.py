"""Everything on one machine: a broker, an LLM server and the two agents, each its own process."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from models.writers import SOCIAL_ADAPTER
from pipeline.errors import SettingsError
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.http_probe import AgentProbe
from pipeline.local.kafka_jars import find_kafka
from pipeline.local.process import (
    LocalProcess,
    check_port_is_free,
    child_environ,
    find_free_port,
    while_running,
)
from pipeline.local.slow_start import say_nothing
from pipeline.local.tansu.broker import EmbeddedBroker
from pipeline.local.vllm import find_vllm, wait_until_ready
from pipeline.settings import PREFIX, Settings, assignment
from pipeline.topology import ROLES

_T = TypeVar("_T")

START_SECONDS = 120.0
_HOST = "127.0.0.1"

# On a core or two more requests at once would only wait for each other. And a model as small as this, asked which of
# several candidates is best, mostly takes the last option, "none of these": how likely it finds each says more.
_EMBEDDED_LLM_SETTINGS = {"llm_max_requests": "1", "num_samples": "4", "selection": "likelihood"}
# The embedded LLM writes with our adapter, which has a short prompt of its own: more samples cost little.
_WRITER_SETTINGS = {"candidate_prompt": "writer-v1", "num_samples": "8"}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How to run the local stack. A port of 0 takes a free one."""

    broker_port: int = 9092
    metrics_port: int = 9108  # of the annotate agent; the alert agent takes the next
    # Settings of the agents, by their names; without `llm_url` an LLM server is started.
    settings: dict[str, str] = field(default_factory=dict)
    kafka_data: Path | None = None  # run Apache Kafka and keep its data here; none: the embedded broker
    vllm_model: str | None = None  # run vLLM with this model (a name or a folder); none: the embedded LLM
    # Wait for as long as it takes for an LLM server that the user runs; else no longer than for one of our own.
    awaits_llm: bool = False


class LocalBroker(Protocol):
    """A Kafka-protocol broker of this machine that is started and stopped with the stack."""

    brokers: str  # bootstrap servers
    processes: list[LocalProcess]

    async def start(self) -> None:
        """Start it; ready or not."""

    async def wait_until_ready(
        self, timeout_seconds: float, report: Callable[[str], None] = say_nothing
    ) -> None:
        """Return once clients can use it; where that takes long, `report` is told."""

    async def stop(self) -> None:
        """End it."""


class LocalStack:
    """The running stack: its addresses and its processes."""

    def __init__(
        self,
        settings: Settings,
        processes: Sequence[LocalProcess],
        metrics_ports: Sequence[int],
        *,
        folder: Path,
    ) -> None:
        self.settings = settings
        self.folder = folder  # where each process logs to a file, until the stack stops
        self.metrics_urls = [f"http://{_HOST}:{port}/metrics" for port in metrics_ports]
        self._processes = processes

    async def wait_for_failure(self) -> None:
        """Return never, or raise `LocalServiceError` when one of the processes ends."""
        await self.while_running(asyncio.Event().wait())

    async def while_running(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns, or raise `LocalServiceError` when one of the processes ends before."""
        return await while_running(self._processes, work)


@asynccontextmanager
async def local_stack(options: StackOptions, *, report: Callable[[str], None]) -> AsyncIterator[LocalStack]:
    """Start the stack, telling `report` each step; stop all of it on leaving, agents first.

    Raises:
        LocalServiceError: a part is not installed or does not come up.
        SettingsError: the settings do not fit the embedded LLM server.
    """
    folder = Path(tempfile.mkdtemp(prefix="tocsin-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = _choose_broker(options, folder)
        stack.push_async_callback(broker.stop)
        # The stack's own broker wants no password and speaks no TLS, whatever the user's does.
        settings = {n: v for n, v in options.settings.items() if not n.startswith("kafka_")}
        settings |= {"brokers": broker.brokers}
        processes: list[LocalProcess] = []
        if "llm_url" not in settings:
            report(f"starting the LLM server ({'vLLM' if options.vllm_model else 'llama.cpp'})")
            settings, llm = await local_llm(stack, folder, settings, options.vllm_model, report=report)
            processes.append(llm)
        report("starting the broker and the network")
        await while_running(processes, _start_broker(broker, report))
        processes += broker.processes
        ports = [_choose_port(options.metrics_port and options.metrics_port + n) for n in range(len(ROLES))]
        agents = [
            await _start(stack, _agent(role.name, settings | {"metrics_port": str(port)}, folder))
            for role, port in zip(ROLES, ports, strict=True)
        ]
        processes += agents
        has_patience = options.awaits_llm and "llm_url" in options.settings
        limits = [None if role.needs_llm and has_patience else START_SECONDS for role in ROLES]
        for agent, port, limit in zip(agents, ports, limits, strict=True):
            await while_running(processes, _wait_for_agent(agent, port, report, timeout_seconds=limit))
            report(f"{agent.name} is ready")
        yield LocalStack(Settings.model_validate(settings), processes, ports, folder=folder)


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


async def local_llm(
    stack: AsyncExitStack,
    folder: Path,
    settings: dict[str, str],
    vllm_model: str | None,
    *,
    report: Callable[[str], None],
) -> tuple[dict[str, str], LocalProcess]:
    """Start vLLM with this model, or the embedded LLM, stopped with `stack`; returns the settings for it, and it.

    Raises:
        LocalServiceError: vLLM is not installed or does not come up.
        SettingsError: another model is asked for.
    """
    if vllm_model is None:
        return await embedded_llm(stack, folder, settings)
    program, port = await asyncio.to_thread(find_vllm), find_free_port()
    command, environ = program.command(vllm_model, port), program.environ(vllm_model)
    process = LocalProcess("vllm", command, log_file=folder / "vllm.log", environ=environ)
    await _start(stack, process)
    await wait_until_ready(process, port, report)
    if program.is_cpu_build:
        # Its first answer with log-probabilities compiles something: 45 s on a busy machine.
        settings = _EMBEDDED_LLM_SETTINGS | {"llm_timeout_seconds": "300"} | settings
    return settings | {"llm_url": f"http://{_HOST}:{port}/v1"}, process


async def embedded_llm(
    stack: AsyncExitStack, folder: Path, settings: dict[str, str]
) -> tuple[dict[str, str], LocalProcess]:
    """Start the embedded LLM server, stopped with `stack`, ready or not; returns the settings to use it with, and it.

    Raises:
        SettingsError: another model is asked for.
    """
    if model := settings.get("llm_model"):
        raise SettingsError(
            [
                f"{assignment('llm_model', model)}: the embedded LLM server has a model of its own: "
                "name the server that has this one (--llm-url, TOCSIN_LLM_URL), or unset TOCSIN_LLM_MODEL"
            ]
        )
    settings = embedded_llm_settings(settings)
    port = find_free_port()
    # For each request its samples, and one slot that keeps the selection prompt, or it is read anew for every post.
    slots = int(settings["llm_max_requests"]) * (int(settings["num_samples"]) + 1)
    command = [
        sys.executable,
        "-m",
        "pipeline.local.llama_server",
        "--port",
        str(port),
        "--slots",
        str(slots),
    ]
    if settings["candidate_prompt"].startswith("writer"):
        command += ["--lora", str(SOCIAL_ADAPTER)]
    process = LocalProcess("llm", command, log_file=folder / "llm.log", environ=child_environ({}))
    await _start(stack, process)
    return settings | {"llm_url": f"http://{_HOST}:{port}/v1"}, process


def embedded_llm_settings(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings with what the embedded LLM wants in place of the defaults."""
    if "candidate_prompt" not in settings or settings["candidate_prompt"].startswith("writer"):
        settings = _WRITER_SETTINGS | settings
    return _EMBEDDED_LLM_SETTINGS | settings


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
    settings = settings | {"metrics_host": _HOST}  # where readiness is asked for
    # One thread for the network: the machine has the broker and the LLM to run beside it.
    variables = {PREFIX + name.upper(): value for name, value in settings.items()} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline.cli", role]
    return LocalProcess(role, command, log_file=folder / f"{role}.log", environ=child_environ(variables))


def _choose_port(wanted: int) -> int:
    if wanted == 0:
        return find_free_port()
    check_port_is_free(wanted)
    return wanted
