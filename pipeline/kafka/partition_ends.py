"""Where partitions end for an application, and how near to it a consumer is.

The position of a consumer that reads committed records passes marks of transactions and aborted records. It does not
pass a hole that compaction left at the end: there the broker answers with nothing, again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from pipeline.errors import BrokerUnavailableError

# An end that does not come nearer for this long is a broker in trouble.
_MAX_STILL_SECONDS = 30.0
# So many answers in a row without a record, before the end: nothing lies there. One alone may be a broker that gave
# all the bytes of its answer to other partitions.
_NUM_EMPTY_ANSWERS = 3
# So many beyond the end: the topic is another than it was. A new leader may know of fewer records than it has, for a
# moment.
_NUM_ANSWERS_BEYOND = 20


class Approach:
    """How near a consumer is to the ends of partitions.

    Args:
        starts: where it begins.
    """

    def __init__(self, consumer: Any, starts: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._positions = dict(starts)
        self._answered: dict[TopicPartition, object] = dict.fromkeys(starts)  # when, by the client's clock
        self._num_empty = dict.fromkeys(starts, 0)
        self._moved = asyncio.get_running_loop().time()

    async def is_done(self) -> bool:
        """Whether nothing is left to read.

        Raises:
            BrokerUnavailableError: it comes no nearer.
        """
        now = asyncio.get_running_loop().time()
        for tp, last in self._positions.items():
            position = await self._position(tp)
            if position != last:
                self._positions[tp], self._num_empty[tp], self._moved = position, 0, now
        if all([await self._is_at_end_of(tp) for tp in self._positions]):
            return True
        if now - self._moved > _MAX_STILL_SECONDS:
            raise self._stuck()
        return False

    def note(self, fetched: Mapping[TopicPartition, object]) -> None:
        """Note what the last poll brought."""
        for tp, before in self._answered.items():
            self._answered[tp] = self._consumer.last_poll_timestamp(tp)
            if fetched:
                self._num_empty[tp] = 0
            elif self._answered[tp] != before:
                self._num_empty[tp] += 1

    async def _is_at_end_of(self, tp: TopicPartition) -> bool:
        end = end_of(self._consumer, tp)
        if end is None:
            return False
        if self._positions[tp] > (self._consumer.highwater(tp) or 0):
            # Kafka itself says that there is no such offset, and the client goes on from the oldest; Tansu does not.
            if self._num_empty[tp] >= _NUM_ANSWERS_BEYOND:
                await self._start_anew(tp)
            return False
        return self._positions[tp] >= end or self._num_empty[tp] >= _NUM_EMPTY_ANSWERS

    async def _start_anew(self, tp: TopicPartition) -> None:
        oldest = await self._consumer.beginning_offsets([tp])
        self._consumer.seek(tp, oldest[tp])

    async def _position(self, tp: TopicPartition) -> int:
        """Return the offset that is wanted next; while an offset that is gone is replaced, that takes a while."""
        try:
            return int(await asyncio.wait_for(self._consumer.position(tp), _MAX_STILL_SECONDS))
        except TimeoutError:
            raise self._stuck() from None

    def _stuck(self) -> BrokerUnavailableError:
        topics = sorted({tp.topic for tp in self._positions})
        return BrokerUnavailableError(f"{', '.join(topics)}: the broker sends nothing")


def end_of(consumer: Any, tp: TopicPartition) -> int | None:
    """Return where the committed records end, as the last answer said; None before the first."""
    end: int | None = consumer.last_stable_offset(tp)
    return consumer.highwater(tp) if end is None else end
