"""Where partitions end for an application, and how near to that end a consumer is.

The position of a consumer that reads committed records moves past transaction markers and aborted records. It does not
move past a hole that compaction left at the end: there the broker answers with nothing, again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from pipeline.errors import BrokerUnavailableError

# If the end comes no nearer for this long, the broker is in trouble.
_MAX_STILL_SECONDS = 30.0
# After this many answers in a row without a record, before the end, no record lies there. A single empty answer may
# come from a broker that gave all the bytes of its answer to other partitions.
_NUM_EMPTY_ANSWERS = 3
# After this many answers beyond the end the topic was made anew. Fewer may come from a new leader, which may know fewer
# records than there are for a moment.
_NUM_ANSWERS_BEYOND = 20


class Approach:
    """How near a consumer is to the ends of partitions.

    Args:
        starts: the offsets at which it begins.
    """

    def __init__(self, consumer: Any, starts: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._positions = dict(starts)
        self._answered: dict[TopicPartition, object] = dict.fromkeys(
            starts
        )  # the time of the last answer, by the client's clock
        self._num_empty = dict.fromkeys(starts, 0)
        self._moved = asyncio.get_running_loop().time()

    async def is_done(self) -> bool:
        """Whether nothing is left to read.

        Raises:
            BrokerUnavailableError: the consumer comes no nearer.
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
            # Kafka answers that the offset does not exist, and the client goes on from the oldest. Tansu does not.
            if self._num_empty[tp] >= _NUM_ANSWERS_BEYOND:
                await self._start_anew(tp)
            return False
        return self._positions[tp] >= end or self._num_empty[tp] >= _NUM_EMPTY_ANSWERS

    async def _start_anew(self, tp: TopicPartition) -> None:
        oldest = await self._consumer.beginning_offsets([tp])
        self._consumer.seek(tp, oldest[tp])

    async def _position(self, tp: TopicPartition) -> int:
        """Return the offset to read next. While the client replaces an offset that is gone, this takes a moment."""
        try:
            return int(await asyncio.wait_for(self._consumer.position(tp), _MAX_STILL_SECONDS))
        except TimeoutError:
            raise self._stuck() from None

    def _stuck(self) -> BrokerUnavailableError:
        topics = sorted({tp.topic for tp in self._positions})
        return BrokerUnavailableError(f"{', '.join(topics)}: the broker sends nothing")


def end_of(consumer: Any, tp: TopicPartition) -> int | None:
    """Return where the committed records end, by the last answer; None before the first."""
    end: int | None = consumer.last_stable_offset(tp)
    return consumer.highwater(tp) if end is None else end
