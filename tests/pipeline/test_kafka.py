import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka import Outgoing, Publisher, ensure_topics, reading
from pipeline.local_process import find_free_port
from pipeline.outage import until_it_works
from pipeline.settings import Settings
from tests.pipeline.brokers import BrokerKind


class FlakyProducer:
    """Fake of AIOKafkaProducer: acknowledges records, but fails the values in `failing` the first time."""

    def __init__(self, *failing: bytes, error: Exception) -> None:
        self.acknowledged: list[bytes] = []
        self._failing = set(failing)
        self._error = error

    async def send(self, topic: str, *, key: Any, value: bytes, headers: Any) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if value in self._failing:
            self._failing.discard(value)
            future.set_exception(self._error)
        else:
            self.acknowledged.append(value)
            future.set_result(None)
        return future


_RECORDS = [Outgoing("t", None, bytes([n])) for n in range(4)]


async def test_only_what_failed_is_sent_again_and_in_order() -> None:
    """A passing failure is retried until every record is acknowledged."""
    producer = FlakyProducer(b"\x01", b"\x02", error=KafkaTimeoutError())
    await Publisher(producer).publish(_RECORDS)
    assert producer.acknowledged == [b"\x00", b"\x03", b"\x01", b"\x02"]


async def test_a_refusal_is_not_retried() -> None:
    """What no waiting mends is an error at once."""
    producer = FlakyProducer(b"\x01", error=TopicAuthorizationFailedError("t"))
    with pytest.raises(KafkaAccessError, match=r"lacks an ACL: Write on topic 't'"):
        await Publisher(producer).publish(_RECORDS)


async def test_what_is_too_large_gives_way_to_its_fallback() -> None:
    """The rest of the batch is published, and a record without a fallback is an error."""
    small = Outgoing("dead", None, b"small")
    records = [_RECORDS[0], Outgoing("t", None, b"large", fallback=small), _RECORDS[2]]
    producer = FlakyProducer(b"large", error=MessageSizeTooLargeError())
    await Publisher(producer).publish(records)
    assert producer.acknowledged == [b"\x00", b"\x02", b"small"]
    with pytest.raises(MessageSizeTooLargeError):
        await Publisher(FlakyProducer(b"\x01", error=MessageSizeTooLargeError())).publish(_RECORDS)


async def test_connecting_is_tried_until_it_works() -> None:
    """Each failure is reported; the first success ends it."""
    failures: list[None] = []

    async def attempt() -> str:
        if len(failures) < 2:
            raise BrokerUnavailableError("away")
        return "there"

    assert (
        await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda: failures.append(None))
        == "there"
    )
    assert len(failures) == 2


async def test_other_errors_are_not_waited_out() -> None:
    """A defect is no outage."""

    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda: None)


async def test_where_nobody_listens_the_error_names_the_address() -> None:
    """For every client of ours."""
    brokers = f"127.0.0.1:{find_free_port()}"
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await Publisher.connect(brokers)
    with pytest.raises(BrokerUnavailableError, match=brokers):
        await ensure_topics(Settings(brokers=brokers))
    with pytest.raises(BrokerUnavailableError, match=brokers):
        async with reading(brokers, ["posts"], from_beginning=True):
            pass


@pytest.mark.e2e
async def test_records_come_back_as_they_were_published(broker_kind: BrokerKind) -> None:
    """Key, value, headers and order within a partition; creating topics twice is no error."""
    async with broker_kind.running() as running:
        settings = running.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        await ensure_topics(settings)
        publisher = await Publisher.connect(settings.brokers, is_idempotent=settings.producer_idempotence)
        sent = [Outgoing("alerts", b"k", bytes([n]), [("h", b"\xff")]) for n in range(50)]
        await publisher.publish(sent)
        await publisher.close()
        async with reading(settings.brokers, ["alerts"], from_beginning=True) as records:
            received = [await asyncio.wait_for(anext(records), 20) for _ in sent]
    assert [Outgoing(r.topic, r.key, r.value, list(r.headers)) for r in received] == sent
    assert [r.offset for r in received] == list(range(50))
