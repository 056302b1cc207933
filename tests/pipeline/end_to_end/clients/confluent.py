"""Produces values, or prints that many from a group.

confluent.py produce BROKERS TOPIC VALUE...
confluent.py consume BROKERS TOPIC GROUP PROTOCOL NUMBER
"""

import sys

from confluent_kafka import Consumer, KafkaException, Producer


def produce(brokers: str, topic: str, values: list[str]) -> None:
    """Produce the first half with the default settings, the rest with an idempotent producer."""
    half = (len(values) + 1) // 2
    for part, options in ((values[:half], {}), (values[half:], {"enable.idempotence": True})):
        producer = Producer({"bootstrap.servers": brokers, **options})
        for value in part:
            producer.produce(topic, value, key="key")
        if producer.flush(60):
            sys.exit("not all records are acknowledged")


def consume(brokers: str, topic: str, group: str, protocol: str, number: str) -> None:
    """Print this many values."""
    settings = {"bootstrap.servers": brokers, "group.id": group, "group.protocol": protocol}
    consumer = Consumer(settings | {"auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    left = int(number)
    while left:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        print(message.value().decode(), flush=True)
        left -= 1
    consumer.close()


if sys.argv[1] == "produce":
    produce(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    consume(*sys.argv[2:])
