"""Kafka clients of other makers, each with its default settings, on the embedded broker and on Apache Kafka.

`make test-clients` runs these; a client that is not on this machine and cannot be fetched is skipped with the reason.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.errors import LocalServiceError
from pipeline.local.kafka_jars import find_kafka
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

_SOURCES = Path(__file__).with_name("clients")
_TOPIC = "posts"
_VALUES = [f"value-{number}" for number in range(4)]
_KAFKAJS, _CONFLUENT = "kafkajs@2.2.4", "confluent-kafka==2.16.1"


@dataclass(frozen=True, slots=True)
class Client:
    """The command of one client. Its arguments are: produce BROKERS TOPIC VALUE...

    or: consume BROKERS TOPIC GROUP PROTOCOL NUMBER
    """

    command: list[str]
    environ: dict[str, str]

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Return status, standard output and standard error."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *arguments,
            env=os.environ | self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(120):
                output, log = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, output.decode(), log.decode()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def _fetch(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}")


def _kcat(folder: Path) -> Client:
    """A shell script around kcat, which has no such commands."""
    script = folder / "kcat-client"
    script.write_text(
        "mode=$1 brokers=$2 topic=$3; shift 3\n"
        'if [ "$mode" = produce ]; then\n'
        '  printf "%s\\n" "$@" | kcat -P -b "$brokers" -t "$topic" -k key -X enable.idempotence=true\n'
        "  exit\n"
        "fi\n"
        'exec kcat -q -b "$brokers" -X auto.offset.reset=earliest -c "$3" -G "$1" "$topic"\n'
    )
    _program("kcat")
    return Client(["sh", str(script)], {})


def _kafkajs(folder: Path) -> Client:
    node, npm = _program("node"), _program("npm")
    _fetch([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), _KAFKAJS])
    return Client([node, str(_SOURCES / "client.js")], {"NODE_PATH": str(folder / "node_modules")})


def _confluent(folder: Path) -> Client:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _fetch([*pip, "--no-deps", "--target", str(folder), _CONFLUENT])
    return Client([sys.executable, str(_SOURCES / "confluent.py")], {"PYTHONPATH": str(folder)})


def _java(_: Path) -> Client:
    try:
        libs = find_kafka().libs
    except LocalServiceError as error:
        pytest.skip(str(error))
    _program("javac")  # without it `java` cannot run a source file
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return Client([_program("java"), quiet, "-cp", f"{libs}/*", str(_SOURCES / "Client.java")], {})


_CLIENTS: dict[str, Callable[[Path], Client]] = {
    "kcat": _kcat,
    "kafkajs": _kafkajs,
    "confluent-kafka": _confluent,
    "java": _java,
}
_made: dict[str, Client] = {}


def _client(name: str, factory: pytest.TempPathFactory) -> Client:
    if name not in _made:
        _made[name] = _CLIENTS[name](factory.mktemp(name))
    return _made[name]


@pytest.fixture(params=[pytest.param(EMBEDDED, id="embedded"), pytest.param(APACHE, id="apache")])
def broker_kind(request: pytest.FixtureRequest, tmp_path: Path) -> BrokerKind:
    """Each kind of broker in turn."""
    kind: BrokerKind = request.param
    try:
        kind.make(tmp_path, 9092)
    except LocalServiceError as error:
        pytest.skip(str(error))
    return kind


async def _make_topic(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(_TOPIC, 2, 1)])
    await admin.close()


@pytest.mark.parametrize("name", _CLIENTS)
async def test_a_client_with_its_defaults_produces_and_reads_in_a_group(
    name: str, broker_kind: BrokerKind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two groups, one after the other, have every record once, half of them from an idempotent producer."""
    client = _client(name, tmp_path_factory)
    async with broker_kind.running() as settings:
        await _make_topic(settings.brokers)
        status, _, log = await client.run("produce", settings.brokers, _TOPIC, *_VALUES)
        assert status == 0, log
        for group in ("first", "second"):
            arguments = (settings.brokers, _TOPIC, group, "classic", str(len(_VALUES)))
            status, output, log = await client.run("consume", *arguments)
            assert (status, sorted(output.split())) == (0, _VALUES), log


@pytest.mark.parametrize("name", ["confluent-kafka", "java"])
async def test_a_kip_848_group_works_or_is_refused_with_an_error(
    name: str, broker_kind: BrokerKind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Apache Kafka has such groups; on the embedded broker the client ends with an error and does not hang."""
    client = _client(name, tmp_path_factory)
    async with broker_kind.running() as settings:
        await _make_topic(settings.brokers)
        await client.run("produce", settings.brokers, _TOPIC, *_VALUES)
        arguments = (settings.brokers, _TOPIC, "group", "consumer", str(len(_VALUES)))
        status, output, log = await client.run("consume", *arguments)
    if broker_kind is APACHE:
        assert (status, sorted(output.split())) == (0, _VALUES), log
    else:
        assert (status, output) == (1, "")
        assert "not supported" in log or "does not support" in log


async def test_kcat_reads_without_a_group(
    broker_kind: BrokerKind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """kcat reads as the README shows, from the beginning to the end of the topic."""
    client = _client("kcat", tmp_path_factory)
    async with broker_kind.running() as settings:
        await _make_topic(settings.brokers)
        await client.run("produce", settings.brokers, _TOPIC, *_VALUES)
        plain = Client(["kcat", "-C", "-q", "-t", _TOPIC, "-o", "beginning", "-e"], {})
        status, output, log = await plain.run("-b", settings.brokers)
    assert (status, sorted(output.split())) == (0, _VALUES), log
