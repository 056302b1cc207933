"""Apache Kafka as `tocsin up` and the delivery tests run it."""

import asyncio
import sys
from pathlib import Path

import pytest

from pipeline.errors import LocalServiceError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import count_brokers, ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.kafka_jars import KafkaProgram
from pipeline.local.process import find_free_ports
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import kafka_or_skip, started

pytestmark = pytest.mark.e2e

_RECORDS = [Outgoing("posts", str(n).encode(), str(n).encode()) for n in range(20)]


def _new_cluster(folder: Path, num_nodes: int = 1) -> ApacheKafka:
    return ApacheKafka(kafka_or_skip(), folder, find_free_ports(num_nodes))


async def _publish(settings: Settings) -> None:
    await ensure_topics(settings)
    publisher = await Publisher.connect(Cluster(settings.brokers))
    await publisher.publish(_RECORDS)
    await publisher.close()


async def _read(brokers: str) -> set[bytes | None]:
    async with follow(Cluster(brokers), ["posts"], from_beginning=True) as records, asyncio.timeout(60):
        return {(await anext(records)).value for _ in _RECORDS}


def _processes_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is in this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.kafka
async def test_data_survives_a_restart(tmp_path: Path) -> None:
    """On other ports, from the same folder, all records are there; the folder's name may hold anything."""
    folder = tmp_path / "Mein Kafka, Straße 1"
    first = _new_cluster(folder)
    async with started(first):
        await _publish(Settings(brokers=first.brokers))
        assert len(_processes_in(folder)) == 1
    assert _processes_in(folder) == []
    second = _new_cluster(folder)
    async with started(second):
        assert second.brokers != first.brokers
        assert await _read(second.brokers) == {record.value for record in _RECORDS}


@pytest.mark.kafka
async def test_three_nodes_keep_three_copies(tmp_path: Path) -> None:
    """Any one of them may go: what was acknowledged is still read, and new records are acknowledged."""
    cluster = _new_cluster(tmp_path, num_nodes=3)
    async with started(cluster):
        assert await count_brokers(Cluster(cluster.brokers)) == 3
        settings = Settings(brokers=cluster.brokers, topic_replication=3)
        await _publish(settings)
        await cluster.processes[0].stop()
        remaining = cluster.brokers.partition(",")[2]
        assert await _read(remaining) == {record.value for record in _RECORDS}
        await _publish(settings.model_copy(update={"brokers": remaining}))
    assert _processes_in(tmp_path) == []


_PARENT = """
import asyncio, sys
from pathlib import Path
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.kafka_jars import find_kafka
from pipeline.local.process import find_free_ports
async def main():
    kafka = ApacheKafka(find_kafka(), Path(sys.argv[1]), find_free_ports(1))
    await kafka.start()
    await kafka.wait_until_ready(60)
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.kafka
@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel ends children with their parent on Linux only"
)
async def test_a_killed_parent_leaves_no_java_behind(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no time to stop the broker, which ends nevertheless."""
    kafka_or_skip()
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    assert len(_processes_in(tmp_path)) == 1
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        while _processes_in(tmp_path):
            await asyncio.sleep(0.05)


async def test_a_refusal_to_format_is_shown(tmp_path: Path) -> None:
    """What Kafka says about it is in the error."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'no space left on device'; exit 1\n")
    java.chmod(0o755)
    cluster = ApacheKafka(KafkaProgram(java, tmp_path), tmp_path / "data", [9092])
    with pytest.raises(LocalServiceError, match=r"(?s)formatting .* status 1;.*no space left on device"):
        await cluster.start()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """No traceback: the path and the reason."""
    (tmp_path / "data").touch()
    cluster = ApacheKafka(KafkaProgram(Path("java"), tmp_path), tmp_path / "data", [9092])
    with pytest.raises(LocalServiceError, match=r"data.*: Not a directory"):
        await cluster.start()
