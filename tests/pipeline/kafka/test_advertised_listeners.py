"""A broker that answers, and sends its clients to an address that does not."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.metadata import check_advertised
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.process import answers_tcp, find_free_port
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import kafka_or_skip

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.timeout(240)]


class _MisadvertisingKafka(ApacheKafka):
    """Names a port on which no program listens."""

    wrong_port = 0

    def _properties(self, number: int) -> dict[str, object]:
        return super()._properties(number) | {
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.wrong_port}"
        }


@asynccontextmanager
async def _broker(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Give the address that answers and the one that it names."""
    port = find_free_port()
    kafka = _MisadvertisingKafka(kafka_or_skip(), folder, [port])
    kafka.wrong_port = find_free_port()
    try:
        await kafka.start()
        async with asyncio.timeout(60):
            # Ready is when it names its address, which is when it may be told from a broker that is starting.
            while True:
                with contextlib.suppress(BrokerUnavailableError):
                    if await answers_tcp(port):
                        await check_advertised(Cluster(kafka.brokers))
                    await asyncio.sleep(0.1)
                    continue
                break
        yield kafka.brokers, f"127.0.0.1:{kafka.wrong_port}"
    finally:
        await kafka.stop()


def _line(address: str, wrong: str) -> str:
    return f"Kafka at {re.escape(address)} answers, but .*{re.escape(wrong)}.*advertised.listeners"


async def test_every_client_names_both_addresses_of_a_broker_that_sends_it_elsewhere(tmp_path: Path) -> None:
    """Ours at once; commands in one line with status 1; an agent waits, with that line in its log."""
    async with _broker(tmp_path / "kafka") as (address, wrong):
        settings = Settings(brokers=address)
        expected = _line(address, wrong)
        with pytest.raises(BrokerUnavailableError, match=expected):
            await ensure_topics(settings)
        with pytest.raises(BrokerUnavailableError, match=expected):
            await Publisher.connect(Cluster(address))
        with pytest.raises(BrokerUnavailableError, match=expected):
            async with partition_reader(Cluster.of(settings), ["posts"]):
                pass
        with pytest.raises(BrokerUnavailableError, match=expected):
            async with follow(Cluster(address), ["alerts"], from_beginning=True):
                pass
        (tmp_path / "posts.jsonl").write_text('{"id": "1", "text": "Fire"}\n')
        for command in (("produce", "posts.jsonl"), ("watch",), ("dead", "list")):
            await _check_command(tmp_path, expected, address, *command)
        await _check_agent(tmp_path, expected, address)


async def _check_command(folder: Path, expected: str, address: str, *arguments: str) -> None:
    program = [sys.executable, "-m", "pipeline.cli", *arguments, "--brokers", address]
    result = await asyncio.to_thread(
        lambda: subprocess.run(program, capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    )
    assert result.returncode == 1, result
    (line,) = result.stderr.splitlines()
    assert re.match(f"tocsin: {expected}", line), line


async def _check_agent(folder: Path, expected: str, address: str) -> None:
    port = find_free_port()
    environ = {"PATH": "", "TOCSIN_BROKERS": address, "TOCSIN_METRICS_PORT": str(port)}
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pipeline.cli", "alert", env=environ, cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    assert agent.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not re.search(expected, (line := await agent.stderr.readline()).decode()):
                assert line, "the agent ended"
        status, body = await asyncio.to_thread(_get, f"http://127.0.0.1:{port}/readyz")
        assert status == 503
        assert re.search(expected, orjson.loads(body)["reason"])
        agent.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(agent.wait(), 30) == 0
    finally:
        if agent.returncode is None:
            agent.kill()
            await agent.wait()


def _get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


async def test_one_address_of_several_that_is_reachable_is_enough(tmp_path: Path) -> None:
    """A bootstrap server's name may differ from the advertised one (a DNS name for all of them)."""
    kafka = ApacheKafka(kafka_or_skip(), tmp_path, [find_free_port()])
    try:
        await kafka.start()
        await kafka.wait_until_ready(60)
        port = kafka.brokers.rpartition(":")[2]
        await check_advertised(Cluster(f"localhost:{port}"))
        await check_advertised(Cluster(f"127.0.0.1:{find_free_port()}"))  # the client itself reports that
    finally:
        await kafka.stop()
