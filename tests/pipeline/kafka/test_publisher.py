import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownProducerId,
)

from pipeline.errors import KafkaAccessError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.producer import RenewableProducer
from pipeline.kafka.publisher import Publisher, TooLargeError
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing
from tests.pipeline.kafka.brokers import APACHE, BrokerKind, kafka_or_skip, started
from tests.pipeline.kafka.foreign_producers import make_topics


class FlakyProducer:
    """Fake of AIOKafkaProducer: acknowledges records, but fails the values in `failing` the first time, or always."""

    def __init__(self, *failing: bytes, error: Exception, fails_always: bool = False) -> None:
        self._fails_always = fails_always
        self.acknowledged: list[bytes] = []
        self._failing = set(failing)
        self._error = error

    async def send(self, topic: str, *, key: Any, value: bytes, headers: Any) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if value in self._failing:
            if not self._fails_always:
                self._failing.discard(value)
            future.set_exception(self._error)
        else:
            self.acknowledged.append(value)
            future.set_result(None)
        return future


def _publisher(producer: FlakyProducer) -> Publisher:
    return Publisher(RenewableProducer(producer))


_RECORDS = [Outgoing("t", None, bytes([n])) for n in range(4)]


async def test_only_what_failed_is_sent_again_and_in_order() -> None:
    """A passing failure is retried until every record is acknowledged."""
    producer = FlakyProducer(b"\x01", b"\x02", error=KafkaTimeoutError())
    await _publisher(producer).publish(_RECORDS)
    assert producer.acknowledged == [b"\x00", b"\x03", b"\x01", b"\x02"]


async def test_a_refusal_is_not_retried() -> None:
    """Waiting would not help, so it is an error at once."""
    producer = FlakyProducer(b"\x01", error=TopicAuthorizationFailedError("t"))
    with pytest.raises(KafkaAccessError, match=r"lacks an ACL: Write on topic 't'"):
        await _publisher(producer).publish(_RECORDS)


async def test_what_is_too_large_gives_way_to_its_fallback() -> None:
    """The rest of the batch is published, and a record without a fallback is an error."""
    small = Outgoing("dead", None, b"small")
    records = [_RECORDS[0], Outgoing("t", None, b"large", fallback=lambda: small), _RECORDS[2]]
    producer = FlakyProducer(b"large", error=MessageSizeTooLargeError(), fails_always=True)
    assert await _publisher(producer).publish(records) == 1
    assert producer.acknowledged == [b"\x00", b"\x02", b"small"]
    producer = FlakyProducer(b"\x01", error=MessageSizeTooLargeError(), fails_always=True)
    with pytest.raises(TooLargeError) as caught:
        await _publisher(producer).publish(_RECORDS)
    assert caught.value.unsent == [_RECORDS[1]]


async def test_a_fallback_is_made_only_when_it_is_needed() -> None:
    """Few records ever are too large; a fallback that is so too gives way to its own."""
    made: list[str] = []

    def make(name: str, fallback: Callable[[], Outgoing] | None = None) -> Callable[[], Outgoing]:
        def fallback_of(name: str = name) -> Outgoing:
            made.append(name)
            return Outgoing("t", None, name.encode(), fallback=fallback)

        return fallback_of

    records = [
        Outgoing("t", None, b"fits", fallback=make("unneeded")),
        Outgoing("t", None, b"large", fallback=make("cut", make("cut more"))),
    ]
    producer = FlakyProducer(b"large", b"cut", error=MessageSizeTooLargeError(), fails_always=True)
    assert await _publisher(producer).publish(records) == 2
    assert producer.acknowledged == [b"fits", b"cut more"]
    assert made == ["cut", "cut more"]


class ForgottenProducer:
    """A fake: a producer whose first records the broker refuses, for it no longer knows its id."""

    def __init__(self, error: type[Exception] | None) -> None:
        self.error = error
        self.values: list[bytes | None] = []
        self.is_stopped = False
        self.client = self

    async def send(self, topic: str, **record: Any) -> asyncio.Future[None]:
        acknowledgement: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.error is not None:
            acknowledgement.set_exception(self.error())
        else:
            self.values.append(record["value"])
            acknowledgement.set_result(None)
        return acknowledgement

    async def stop(self) -> None:
        self.is_stopped = True

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("error", [UnknownProducerId, OutOfOrderSequenceNumber, ProducerFenced])
async def test_a_producer_that_the_broker_has_forgotten_is_replaced(error: type[Exception]) -> None:
    """All records go by the new one, and no failure is reported."""
    old, new = ForgottenProducer(error), ForgottenProducer(None)

    async def make_producer() -> ForgottenProducer:
        return new

    publisher = Publisher(RenewableProducer(old, make_producer))
    await publisher.publish([Outgoing("posts", None, b"1"), Outgoing("posts", None, b"2")])
    assert new.values == [b"1", b"2"]
    assert old.is_stopped


async def test_a_renewed_publisher_uses_another_producer() -> None:
    """Before the broker has refused anything: under an id that is taken it would drop records as repeats."""
    old, new = ForgottenProducer(None), ForgottenProducer(None)

    async def make_producer() -> ForgottenProducer:
        return new

    publisher = Publisher(RenewableProducer(old, make_producer))
    publisher.renew()
    await publisher.publish([Outgoing("posts", None, b"1")])
    await publisher.publish([Outgoing("posts", None, b"2")])
    assert (old.values, new.values) == ([], [b"1", b"2"])


@pytest.mark.e2e
@pytest.mark.timeout(180)
async def test_publishing_goes_on_after_the_broker_has_lost_everything(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """The broker comes back without topics and without what it knew of the producer: all that comes after is there."""
    port = find_free_port()
    settings = broker_kind.settings(port)
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    async with started(broker_kind.make(tmp_path / "before", port)):
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster(settings.brokers))
        await publisher.publish([Outgoing("posts", str(n).encode(), b"before") for n in range(20)])
    async with started(broker_kind.make(tmp_path / "after", port)):
        records = [Outgoing("posts", str(n).encode(), str(n).encode()) for n in range(20)]
        publishing = asyncio.ensure_future(publisher.publish(records))
        await ensure_topics(settings)
        await asyncio.wait_for(publishing, 120)
        async with partition_reader(Cluster.of(settings), ["posts"]) as reader:
            starts = dict.fromkeys(reader.partitions, 0)
            found = [record.value async for chunk in reader.read(starts) for record in chunk]
        await publisher.close()
    assert {int(value or b"") for value in found} == set(range(20))


@pytest.mark.e2e
@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_a_record_on_its_way_when_its_producer_is_replaced_is_sent_again() -> None:
    """Another publish replaces the producer; the record arrives by the new one."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster(settings.brokers))
        old = publisher._producer._producer
        waiting = asyncio.ensure_future(publisher.publish([Outgoing("later", b"k", b"1")]))
        await asyncio.sleep(0.5)  # it waits for a topic that is not there
        publisher.renew()
        await publisher.publish([Outgoing("posts", b"k", b"2")])
        assert publisher._producer._producer is not old
        await make_topics(settings.brokers, ["later"], num_partitions=1)
        await asyncio.wait_for(waiting, 60)
        assert old._sender.sender_task.done()
        await publisher.close()


@pytest.mark.e2e
@pytest.mark.kafka
async def test_a_record_that_is_too_large_holds_up_no_other() -> None:
    """The broker refuses it, and the next one of its partition seems to come too early: both are dealt with."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster(settings.brokers))
        instead = Outgoing("posts", b"k", b"instead")
        values = [b"1", os.urandom(2**21), b"3"]
        for value in values:
            await publisher.publish([Outgoing("posts", b"k", value, fallback=lambda: instead)])
        async with partition_reader(Cluster.of(settings), ["posts"]) as reader:
            starts = dict.fromkeys(reader.partitions, 0)
            found = [record.value async for chunk in reader.read(starts) for record in chunk]
        await publisher.close()
    assert found == [b"1", b"instead", b"3"]


@pytest.mark.e2e
@pytest.mark.kafka
async def test_records_in_a_batch_with_one_too_large_are_published() -> None:
    """The topic takes less than a batch holds: the two that fit arrive, and the third gives way."""
    kafka_or_skip()
    async with APACHE.running() as settings:
        await make_topics(settings.brokers, ["narrow"], configs={"max.message.bytes": "2000"})
        publisher = await Publisher.connect(Cluster(settings.brokers))
        values = [b"a" + os.urandom(800), b"b" + os.urandom(3_000), b"c" + os.urandom(800)]
        instead = Outgoing("narrow", b"k", b"instead")
        records = [Outgoing("narrow", b"k", value, fallback=lambda: instead) for value in values]
        assert await publisher.publish(records) == 1
        async with partition_reader(Cluster.of(settings), ["narrow"]) as reader:
            starts = dict.fromkeys(reader.partitions, 0)
            found = [record.value async for chunk in reader.read(starts) for record in chunk]
        await publisher.close()
    assert found == [values[0], b"instead", values[2]]
