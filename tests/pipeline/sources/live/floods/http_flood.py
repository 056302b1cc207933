"""Floods a live source: posts of a double at a rate, through `tocsin source` and a broker; tells what arrived.

python -m tests.pipeline.sources.live.floods.http_flood x --rate 20000 --seconds 10 [--broker embedded|apache]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.local.process import find_free_port
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import APACHE, EMBEDDED
from tests.pipeline.sources.live.doubles import mastodon, x

TOKENS = {"mastodon": mastodon.TOKEN, "x": x.TOKEN}
_STILL_SECONDS = 5.0
_POSTS = re.compile(r'tocsin_source_posts_total\{source="\w+"\} (\S+)')


@dataclass
class Result:
    """What a flood has brought.

    Attributes:
        num_sent: posts by the double.
        num_arrived: different posts on the topic.
        seconds: from the first post to the last.
        megabytes: resident memory of the source, each second.
    """

    num_sent: int
    num_arrived: int
    seconds: float
    megabytes: list[int]
    log: str


async def flood(name: str, *, rate: int, seconds: float, broker: str = "embedded") -> Result:
    """Run a double that posts at this rate, the source and a broker; return what has come."""
    kind = {"embedded": EMBEDDED, "apache": APACHE}[broker]
    with tempfile.TemporaryDirectory() as folder:
        token_file = Path(folder) / "token"
        token_file.write_text(TOKENS[name])
        log = Path(folder) / "log"
        async with kind.running() as settings:
            double = ("-m", f"tests.pipeline.sources.live.doubles.{name}", f"--rate={rate}")
            async with _process(*double, f"--seconds={seconds}", out=asyncio.subprocess.PIPE) as server:
                assert server.stdout is not None
                url = (await server.stdout.readline()).decode().strip()
                environment = {
                    "TOCSIN_BROKERS": settings.brokers,
                    "TOCSIN_SOURCE_URL": url,
                    "TOCSIN_SOURCE_TOKEN_FILE": str(token_file),
                    "TOCSIN_METRICS_PORT": str(port := find_free_port()),
                }
                with log.open("wb") as out:
                    source = ("-m", "pipeline.cli", "source", name)
                    async with _process(*source, out=out, environment=environment) as process:
                        began, megabytes = time.monotonic(), list[int]()
                        sampling = asyncio.create_task(_sample(process.pid, megabytes))
                        said = (await server.stdout.readline()).decode()
                        took = await _until_still(port, began)
                        sampling.cancel()
            sent = re.search(r"sent (\d+) posts", said)
            num_arrived = len(await _ids(settings))
        return Result(int(sent[1]) if sent else 0, num_arrived, took, megabytes, log.read_text())


@asynccontextmanager
async def _process(
    *arguments: str, out: int | IO[bytes], environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=out, stderr=out, env=os.environ | (environment or {})
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _sample(pid: int, megabytes: list[int]) -> None:
    while True:
        megabytes.append(_resident_megabytes(pid))
        await asyncio.sleep(1)


def _resident_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


async def _until_still(port: int, began: float) -> float:
    """Wait until the source publishes no more posts; return after how many seconds it had published the last."""
    count, last = -1.0, time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as http:
        while time.monotonic() - last < _STILL_SECONDS:
            metrics = (await http.get(f"http://127.0.0.1:{port}/metrics", timeout=30)).text
            found = _POSTS.search(metrics)
            if (now := float(found[1]) if found else 0.0) != count:
                count, last = now, time.monotonic()
            await asyncio.sleep(0.5)
    return last - began


async def _ids(settings: Settings) -> set[bytes | None]:
    """Return the keys of the topic of posts."""
    ids: set[bytes | None] = set()
    async with partition_reader(Cluster.of(settings), [settings.topic_posts]) as reader:
        async for records in reader.read(await reader.beginnings(reader.partitions)):
            ids.update(record.key for record in records)
    return ids


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", choices=sorted(TOKENS))
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--broker", choices=["embedded", "apache"], default="embedded")
    options = parser.parse_args()
    found = asyncio.run(
        flood(options.source, rate=options.rate, seconds=options.seconds, broker=options.broker)
    )
    print(f"sent {found.num_sent}, arrived {found.num_arrived}, in {found.seconds:.0f} s")
    print(f"memory of the source in MB, each second: {found.megabytes}")
    print(found.log[-3_000:])
