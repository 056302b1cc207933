"""Apache Kafka in KRaft mode, from its jars: nodes on this machine, each of them both broker and controller."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pipeline.errors import BrokerUnavailableError, LocalServiceError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.topics import count_brokers
from pipeline.local.kafka_jars import KafkaProgram
from pipeline.local.process import LocalProcess, answers_tcp, child_environ, find_free_ports
from pipeline.local.slow_start import say_nothing

_FORMAT_SECONDS = 60.0
_LOG_NAME = "kafka.log"
_PROPERTIES_NAME = "server.properties"


class ApacheKafka:
    """A cluster of one or of three nodes. It goes on with the data in its folder.

    Args:
        folder: for data, logs and settings, one folder a node; made if missing.
        ports: of the brokers on the loopback interface, one for each node.
    """

    def __init__(self, program: KafkaProgram, folder: Path, ports: Sequence[int]) -> None:
        self.brokers = ",".join(f"127.0.0.1:{port}" for port in ports)
        self._program = program
        self._folder = folder
        self._ports = list(ports)
        self._controller_ports = find_free_ports(len(ports))
        self.processes = [self._node_process(number) for number in self._numbers]

    async def start(self) -> None:
        """Format new nodes, and start all; ready or not.

        Raises:
            LocalServiceError: the folder cannot be written, or Kafka refuses to format it.
        """
        try:
            self._write_properties()
            cluster_id = self._cluster_id()
        except OSError as error:
            raise LocalServiceError(f"{error.filename or self._folder}: {error.strerror}") from error
        await asyncio.gather(*(self._format(number, cluster_id) for number in self._numbers))
        for process in self.processes:
            await process.start()

    async def wait_until_ready(
        self, timeout_seconds: float, report: Callable[[str], None] = say_nothing
    ) -> None:
        """Return once every node knows all nodes. If that takes long, `report` is called with the reason.

        Raises:
            LocalServiceError: a node ended, or is not ready in time.
        """
        for process, port in zip(self.processes, self._ports, strict=True):
            await process.wait_until_ready(
                partial(self._is_ready, port), timeout_seconds=timeout_seconds, report=report
            )

    async def stop(self) -> None:
        """End all nodes. Acknowledged records stay in the folder."""
        await asyncio.gather(*(process.stop() for process in self.processes))

    @property
    def _numbers(self) -> range:
        return range(1, len(self._ports) + 1)

    def _node_folder(self, number: int) -> Path:
        return self._folder / f"node-{number}"

    def _node_process(self, number: int) -> LocalProcess:
        heap = ["-Xms256m", "-Xmx512m"] if len(self._ports) == 1 else ["-Xms128m", "-Xmx384m"]
        command = self._program.command("kafka.Kafka", _PROPERTIES_NAME, java_options=heap)
        return self._process(f"kafka node {number}", command, number)

    def _process(self, name: str, command: Sequence[str], number: int) -> LocalProcess:
        folder = self._node_folder(number)
        return LocalProcess(
            name, command, log_file=folder / _LOG_NAME, environ=child_environ({}), working_folder=folder
        )

    async def _format(self, number: int, cluster_id: str) -> None:
        if (self._node_folder(number) / "data" / "meta.properties").exists():
            return
        options = [f"--cluster-id={cluster_id}", "-c", _PROPERTIES_NAME, *self._format_options()]
        command = self._program.command("kafka.tools.StorageTool", "format", *options)
        process = self._process(f"formatting kafka node {number}", command, number)
        await process.start()
        try:
            await process.wait_for_success(timeout_seconds=_FORMAT_SECONDS)
        finally:
            await process.stop()

    def _format_options(self) -> list[str]:
        """Return further options of the first format (`--add-scram` if users have passwords)."""
        return []

    def _cluster_id(self) -> str:
        """Return the id that all nodes are formatted with. It is made once for each folder."""
        file = self._folder / "cluster-id"
        if not file.exists():
            file.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        return file.read_text()

    def _write_properties(self) -> None:
        for number in self._numbers:
            # Ports differ from start to start, so this is written anew.
            (self._node_folder(number) / "tmp").mkdir(parents=True, exist_ok=True)
            lines = (f"{name}={value}\n" for name, value in self._properties(number).items())
            (self._node_folder(number) / _PROPERTIES_NAME).write_text("".join(lines))

    def _properties(self, number: int) -> dict[str, object]:
        ports = enumerate(self._controller_ports, start=1)
        broker = f"PLAINTEXT://127.0.0.1:{self._ports[number - 1]}"
        return {
            "process.roles": "broker,controller",
            "node.id": number,
            "controller.quorum.voters": ",".join(f"{voter}@127.0.0.1:{port}" for voter, port in ports),
            "listeners": f"{broker},CONTROLLER://127.0.0.1:{self._controller_ports[number - 1]}",
            "advertised.listeners": broker,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            # Relative to the working directory: Kafka cuts a list of folders at commas, and reads the file as Latin-1.
            "log.dirs": "data",
            # A topic exists only after a client has created it, with the partitions that it wants.
            "auto.create.topics.enable": "false",
            # The first member of a group begins at once, and does not wait for more members.
            "group.initial.rebalance.delay.ms": 0,
            # A node that comes back leads its share of partitions again within seconds, and not minutes.
            "leader.imbalance.check.interval.seconds": 10,
            **_replication(len(self._ports)),
        }

    async def _is_ready(self, port: int) -> bool:
        # TCP first: the Kafka client logs every refused connection.
        if not await answers_tcp(port):
            return False
        try:
            return await count_brokers(Cluster(f"127.0.0.1:{port}")) == len(self._ports)
        except BrokerUnavailableError:
            return False


def _replication(num_nodes: int) -> dict[str, object]:
    """Return the replication: every record on every node, acknowledged by all but one."""
    min_in_sync = max(1, num_nodes - 1)
    settings: dict[str, object] = {
        "default.replication.factor": num_nodes,
        "min.insync.replicas": min_in_sync,
        "offsets.topic.replication.factor": num_nodes,
        "offsets.topic.num.partitions": 5,
    }
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings |= {
            f"{topic}.replication.factor": num_nodes,
            f"{topic}.min.isr": min_in_sync,
            f"{topic}.num.partitions": 2,
        }
    return settings
