"""Posts produced while faults are applied; their acknowledgements are kept."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.chaos.kafka_log import POSTS

# The shipped network finds the place name in each of these.
_PLACES = ("Athens", "Jakarta", "Karachi", "Berlin", "Lagos", "Lima", "Manila", "Nairobi", "Oslo", "Tokyo")
_NEWS = (
    "Big fire in {} on Monday",
    "Flooding in {}: thousands flee",
    "Power is out across {} since 3am",
    "Police close the bridge in {}",
    "Explosion heard near {} station",
)
_SMALL_TALK = (
    "happy birthday to my wonderful sister",
    "so tired today, need coffee",
    "what a lovely morning",
)
_SMALL_TALK_RATE = 0.1

# An outage of a broker is shorter; a record that the client drops here would be neither produced nor lost.
_REQUEST_MILLISECONDS = 180_000
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Produced:
    """A record that the broker has acknowledged, with its position."""

    record: ToProduce
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class ToProduce:
    """A record for the `posts` topic; `post_id` is None if it is not a post."""

    post_id: str | None
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def make_posts(
    number: int, chance: random.Random, *, small_talk_rate: float = _SMALL_TALK_RATE
) -> list[ToProduce]:
    """Return this many posts with ids of their own; the given part has no entity, so that no LLM is asked."""
    return [_make_post(f"post-{index:06d}", chance, small_talk_rate) for index in range(number)]


def _make_post(post_id: str, chance: random.Random, small_talk_rate: float) -> ToProduce:
    is_small_talk = chance.random() < small_talk_rate
    text = (
        chance.choice(_SMALL_TALK) if is_small_talk else chance.choice(_NEWS).format(chance.choice(_PLACES))
    )
    return ToProduce(post_id, json.dumps({"id": post_id, "text": text}).encode(), post_id.encode())


@dataclass(frozen=True, slots=True)
class ProducerStyle:
    """How a producer writes.

    Args:
        codec: gzip, snappy, lz4 or zstd; None: uncompressed.
        is_transactional: each chunk is a committed transaction, after an aborted one of these posts under other ids.
    """

    codec: str | None = None
    is_transactional: bool = False


PLAIN = (ProducerStyle(),)


@dataclass
class Load:
    """Produces the records in order.

    Args:
        may_go_on: whether the next records may be produced; False while enough of them have no outcome.
        per_second: None: as fast as `may_go_on` allows.
        styles: the styles of the producers, which take turns chunk by chunk.
    """

    records: list[ToProduce]
    may_go_on: Callable[[int], bool]
    per_second: float | None = None
    styles: Sequence[ProducerStyle] = PLAIN
    produced: list[Produced] = field(default_factory=list)
    num_lost: int = 0  # lost by the broker, and not produced again
    is_paused: bool = False
    _num_begun: int = 0  # index into `records`
    _again: list[ToProduce] = field(default_factory=list)  # produced before the rest

    @property
    def num_produced(self) -> int:
        """Number of records that a broker has acknowledged, even if it has lost them since; each counts once."""
        return len(self.produced) + self.num_lost

    def write_off(self, *, num_again: int = 0) -> None:
        """Expect no outcome of the records produced so far, because the broker has lost them and their outcomes.

        Args:
            num_again: this many of the first ones are produced again, under the same ids, and expected.
        """
        lost = [produced.record for produced in self.produced]
        again = lost[:num_again]
        self._again += again
        self.num_lost += len(lost) - len(again)
        self.produced.clear()

    async def run(self, brokers: str) -> None:
        """Produce all records; returns once the broker has acknowledged every one."""
        async with AsyncExitStack() as stack:
            producers = [
                await _start(stack, style, brokers, number) for number, style in enumerate(self.styles)
            ]
            turns = itertools.cycle(zip(producers, self.styles, strict=True))
            began = time.monotonic()
            while self._num_begun < len(self.records) or self._again:
                while self.is_paused or not self.may_go_on(self.num_produced):
                    await asyncio.sleep(0.02)
                if self.per_second is not None:
                    await asyncio.sleep(began + self.num_produced / self.per_second - time.monotonic())
                producer, style = next(turns)
                await self._produce(producer, style, self._next_chunk())

    def _next_chunk(self) -> list[ToProduce]:
        size = _CHUNK if self.per_second is None else 1
        if self._again:
            chunk, self._again = self._again[:size], self._again[size:]
            return chunk
        start, self._num_begun = self._num_begun, self._num_begun + size
        return self.records[start : start + size]

    async def _produce(self, producer: Any, style: ProducerStyle, chunk: list[ToProduce]) -> None:
        if not style.is_transactional:
            await self._send(producer, chunk)
            return
        await producer.begin_transaction()
        for record in chunk:
            await producer.send(POSTS, key=record.key, value=_taken_back(record))
        await producer.abort_transaction()
        async with producer.transaction():
            await self._send(producer, chunk)

    async def _send(self, producer: Any, chunk: list[ToProduce]) -> None:
        sent = [
            await producer.send(POSTS, key=record.key, value=record.value, headers=list(record.headers))
            for record in chunk
        ]
        for record, acknowledged in zip(chunk, await asyncio.gather(*sent), strict=True):
            self.produced.append(Produced(record, acknowledged.partition, acknowledged.offset))


async def _start(stack: AsyncExitStack, style: ProducerStyle, brokers: str, number: int) -> Any:
    """Start a producer, which `stack` stops."""
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        enable_idempotence=True,
        linger_ms=5,
        request_timeout_ms=_REQUEST_MILLISECONDS,
        compression_type=style.codec,
        transactional_id=f"load-{number}" if style.is_transactional else None,
    )
    await producer.start()
    stack.push_async_callback(producer.stop)
    return producer


def _taken_back(record: ToProduce) -> bytes:
    """Return the record's post under an id that no account knows: an outcome of it counts as unknown."""
    return json.dumps(json.loads(record.value) | {"id": f"taken back {record.post_id}"}).encode()
