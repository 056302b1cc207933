import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from pipeline.errors import KafkaAccessError
from pipeline.publisher import Outgoing, Publisher


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
    records = [_RECORDS[0], Outgoing("t", None, b"large", fallback=lambda: small), _RECORDS[2]]
    producer = FlakyProducer(b"large", error=MessageSizeTooLargeError())
    assert await Publisher(producer).publish(records) == 1
    assert producer.acknowledged == [b"\x00", b"\x02", b"small"]
    with pytest.raises(MessageSizeTooLargeError):
        await Publisher(FlakyProducer(b"\x01", error=MessageSizeTooLargeError())).publish(_RECORDS)


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
    producer = FlakyProducer(b"large", b"cut", error=MessageSizeTooLargeError())
    assert await Publisher(producer).publish(records) == 2
    assert producer.acknowledged == [b"fits", b"cut more"]
    assert made == ["cut", "cut more"]
