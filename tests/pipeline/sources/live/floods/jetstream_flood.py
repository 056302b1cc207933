"""A flood through `tocsin source bluesky`: is anything lost, and does its memory stay flat?

    python -m tests.pipeline.sources.live.floods.jetstream_flood           20,000 posts a second for ten seconds
    python -m tests.pipeline.sources.live.floods.jetstream_flood --rate 5000 --seconds 4

It starts a broker, a Jetstream double and the source, each as a process, and prints what the source did each second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.local.process import LocalProcess, child_environ, find_free_port
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED, BrokerKind

_ROOT = Path(__file__).parents[5]


@dataclass(frozen=True)
class Sample:
    """The source at one moment."""

    seconds: float
    num_posts: int  # acknowledged
    resident_mib: float


@dataclass(frozen=True)
class Flood:
    """What a flood has done.

    Attributes:
        num_distinct: posts on the topic.
        num_records: records on the topic.
    """

    samples: Sequence[Sample]
    num_distinct: int
    num_records: int
    double_says: str


async def run_flood(kind: BrokerKind, *, num_posts: int, rate: float, max_seconds: float) -> Flood:
    """Send so many posts at this rate, and return once all are on the topic, or the time is up."""
    port, metrics = find_free_port(), find_free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--port", str(port), "--rate", str(rate), "--posts", str(num_posts), "--wait"]
        double = _process(
            "jetstream_server",
            ["-m", "tests.pipeline.sources.live.doubles.jetstream_server", *options],
            folder,
        )
        async with kind.running() as settings:
            source = _process(
                "source",
                ["-m", "pipeline.cli", "source", "bluesky"],
                folder,
                TOCSIN_BROKERS=settings.brokers,
                TOCSIN_SOURCE_URL=f"ws://127.0.0.1:{port}/subscribe",
                TOCSIN_METRICS_PORT=str(metrics),
            )
            try:
                await double.start()
                await source.start()
                samples = await _watch(source, metrics, num_posts, max_seconds)
                found = await _ids(settings)
            finally:
                await source.stop()
                await double.stop()
        said = (folder / "jetstream_server.log").read_text()
        return Flood(samples, len(set(found)), len(found), said.splitlines()[-1] if said else "")


def _process(name: str, arguments: list[str], folder: Path, **variables: str) -> LocalProcess:
    environ = child_environ(variables) | {"PYTHONPATH": str(_ROOT)}
    log_file = folder / f"{name}.log"
    return LocalProcess(
        name, [sys.executable, *arguments], log_file=log_file, environ=environ, working_folder=_ROOT
    )


async def _watch(source: LocalProcess, port: int, num_posts: int, max_seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        while time.monotonic() - began < max_seconds:
            source.raise_if_ended()
            await asyncio.sleep(0.5)
            try:
                page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx.HTTPError:
                continue
            samples.append(Sample(time.monotonic() - began, _value(page, "posts_total"), _resident_mib(page)))
            if samples[-1].num_posts >= num_posts:
                break
    return samples


def _value(page: str, name: str) -> int:
    match = re.search(rf"^tocsin_source_{name}{{.*}} (\S+)$", page, re.MULTILINE)
    return int(float(match[1])) if match else 0


def _resident_mib(page: str) -> float:
    match = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    return float(match[1]) / 2**20 if match else 0.0


async def _ids(settings: Settings) -> list[bytes | None]:
    """Return the key of every record on the topic of posts."""
    async with partition_reader(Cluster.of(settings), [settings.topic_posts]) as reader:
        starts = await reader.beginnings(reader.partitions)
        return [record.key async for records in reader.read(starts) for record in records]


def _main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=20_000, help="posts a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--max-seconds", type=float, default=300, help="wait no longer than this")
    parser.add_argument("--kafka", choices=["embedded", "apache"], default="embedded")
    given = parser.parse_args()
    kind = APACHE if given.kafka == "apache" else EMBEDDED
    num_posts = int(given.rate * given.seconds)
    flood = asyncio.run(run_flood(kind, num_posts=num_posts, rate=given.rate, max_seconds=given.max_seconds))
    for sample in flood.samples:
        print(f"{sample.seconds:6.1f} s  {sample.num_posts:8,} posts  {sample.resident_mib:6.0f} MiB")
    print(f"the double: {flood.double_says}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"{num_posts:,} posts given, {flood.num_distinct:,} on the topic, in {flood.num_records:,} records")
    sys.exit(flood.num_distinct != num_posts)


if __name__ == "__main__":
    _main()
