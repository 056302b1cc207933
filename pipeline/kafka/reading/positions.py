"""What was read of each partition of some topics, over all connections.

Offsets begin again if the broker comes back without its data or a topic is made anew. Reading then goes on from the new
beginning. A new topic may already be longer than the old one was. To notice that too, the last record is read once more
after each connection, and compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from pipeline.kafka.reading.consumer import to_record
from pipeline.kafka.reading.silence import Silence
from pipeline.messages.record import Partition, Record

_POLL_MILLISECONDS = 200
# A new leader may know fewer records than its followers for a moment. A topic that was made anew stays shorter.
_MAX_SHORT_SECONDS = 3.0


class Positions:
    """Reads partitions from where the last connection stopped.

    Args:
        report: called with a sentence about records that are gone.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._tps: list[TopicPartition] = []  # the partitions that exist, as of the last connection
        self._next: dict[TopicPartition, int] = {}  # the offset to read next
        self._last: dict[TopicPartition, Record] = {}  # the last record that was read
        # The time since which the partition ends before `_next`.
        self._short_since: dict[TopicPartition, float] = {}
        self._reported_new: set[str] = set()  # topics, since the last connection

    def connect(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Note which partitions exist, at each connection."""
        self._tps = [TopicPartition(*partition) for partition in partitions]
        self._reported_new.clear()
        self._short_since.clear()

    async def begin(
        self, consumer: Any, *, from_beginning: bool, starts: Mapping[Partition, int] | None = None
    ) -> None:
        """Find out where to begin.

        Args:
            starts: where to begin with some partitions, in any case.
        """
        ask = consumer.beginning_offsets if from_beginning else consumer.end_offsets
        known = {tp: starts[tp] for tp in self._tps if tp in starts} if starts else {}
        self._next = dict(await ask(self._tps)) | known

    def next_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset to read next, by partition."""
        return {tp.partition: offset for tp, offset in self._next.items() if tp.topic == topic}

    async def resume(self, consumer: Any) -> None:
        """Begin with new partitions, and forget those that no longer exist."""
        new = [tp for tp in self._tps if tp not in self._next]
        self._next |= await consumer.beginning_offsets(new) if new else {}
        for tp in set(self._next) - set(self._tps):
            self._forget(tp)

    async def read(self, consumer: Any) -> AsyncGenerator[Record, None]:
        """Yield records; returns once there are new partitions.

        Raises:
            BrokerUnavailableError: the broker no longer answers.
        """
        self._seek(consumer)
        silence = Silence(consumer, self._tps)
        unproven = set(self._last) & set(self._tps)  # may have been made anew
        while not self._has_new_partitions(consumer):
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
            except OffsetOutOfRangeError as error:
                await self._find_again(consumer, error.args[0])
                continue
            for tp, messages in fetched.items():
                if tp in unproven and self._is_another(to_record(messages[0])):
                    await self._begin_anew(consumer, tp)
                    unproven.discard(tp)
                    continue
                unproven.discard(tp)
                for message in messages:
                    if message.offset >= self._next[tp]:
                        self._next[tp], self._last[tp] = message.offset + 1, to_record(message)
                        yield self._last[tp]
            await self._check_ends(consumer)
            silence.check()

    def _seek(self, consumer: Any) -> None:
        consumer.assign(self._tps)
        for tp in self._tps:
            last = self._last.get(tp)
            consumer.seek(tp, self._next[tp] if last is None else last.offset)

    def _has_new_partitions(self, consumer: Any) -> bool:
        topics = {tp.topic for tp in self._tps}
        return sum(len(consumer.partitions_for_topic(topic) or ()) for topic in topics) > len(self._tps)

    def _is_another(self, record: Record) -> bool:
        """Whether the first record after a connection shows that the partition was made anew."""
        last = self._last.get(TopicPartition(record.topic, record.partition))
        return last is not None and record.offset == last.offset and record != last

    async def _check_ends(self, consumer: Any) -> None:
        """Notice partitions that end before what was read of them: Tansu then answers with nothing, not an error."""
        now = asyncio.get_running_loop().time()
        for tp in self._tps:
            end = consumer.highwater(tp)
            if end is None or end >= self._next[tp]:
                self._short_since.pop(tp, None)
            elif now - self._short_since.setdefault(tp, now) > _MAX_SHORT_SECONDS:
                await self._begin_anew(consumer, tp)

    async def _find_again(self, consumer: Any, offsets: Mapping[TopicPartition, int]) -> None:
        """Go on from offsets that do not exist: the oldest records were deleted, or the topic was made anew."""
        beginnings = await consumer.beginning_offsets(list(offsets))
        for tp, oldest in beginnings.items():
            if oldest < self._next[tp]:
                await self._begin_anew(consumer, tp)
                continue
            if oldest > self._next[tp]:
                self._report(
                    f"{tp.topic}/{tp.partition}: the records before offset {oldest} are gone; going on from it"
                )
            self._go_on(consumer, tp, oldest)

    async def _begin_anew(self, consumer: Any, tp: TopicPartition) -> None:
        beginnings = await consumer.beginning_offsets([tp])
        if tp.topic not in self._reported_new:
            self._reported_new.add(tp.topic)
            self._report(
                f"topic {tp.topic} is not the one that it was (made anew, or the broker came back without its data): "
                "going on from its beginning"
            )
        self._go_on(consumer, tp, beginnings[tp])

    def _go_on(self, consumer: Any, tp: TopicPartition, offset: int) -> None:
        self._forget(tp)
        self._next[tp] = offset
        consumer.seek(tp, offset)

    def _forget(self, tp: TopicPartition) -> None:
        self._next.pop(tp, None)
        self._last.pop(tp, None)
        self._short_since.pop(tp, None)
