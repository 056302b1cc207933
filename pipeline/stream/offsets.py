"""Which offset of a partition may be committed: that of its first record without an acknowledged outcome.

This stands in for Faust's own bookkeeping, which loses or doubles posts in four ways:

- It acknowledges a whole batch whenever the loop body is left, also by an exception or by cancellation.
- It commits past a hole at the head of a partition if nothing, or only the record before, was committed.
- It forgets what was acknowledged since the last commit when partitions are revoked, before it says so.
- A commit that finds another one under way does nothing, so the last one before a stop may be missing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from pipeline.messages.record import Partition, Record


class Offsets:
    """The records that were begun, in the order in which they came, and what may be committed of their partitions."""

    def __init__(self) -> None:
        self._held: dict[Partition, deque[Record]] = defaultdict(deque)
        self._unfinished: set[int] = set()  # identities of the held records
        # The next offset to commit: one past the finished records at the head of the partition. `_next` also counts
        # offsets without a record, `_finished` does not.
        self._next: dict[Partition, int] = {}
        self._finished: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}

    def begin(self, records: Sequence[Record]) -> None:
        """Note that the agent begins the records; within a partition they come in the order of their offsets."""
        for record in records:
            self._held[Partition(record.topic, record.partition)].append(record)
            self._unfinished.add(id(record))

    def finish(self, record: Record) -> None:
        """Note that the broker has acknowledged the outcome of `record`; does nothing for one that was given back."""
        if id(record) not in self._unfinished:
            return
        self._unfinished.discard(id(record))
        partition = Partition(record.topic, record.partition)
        held = self._held[partition]
        while held and id(held[0]) not in self._unfinished:
            self._next[partition] = self._finished[partition] = held.popleft().offset + 1

    def skip(self, partition: Partition, *, delivered: int | None, position: int) -> None:
        """Note that no further record lies before `position`; does nothing unless all of them are finished.

        Offsets that no application sees end a partition too: control records of transactions, aborted transactions,
        holes that compaction leaves.

        Args:
            delivered: the offset after the last record that was handed on; None: none was.
            position: the offset that is fetched next.
        """
        is_finished = delivered is None or self._finished.get(partition) == delivered
        if is_finished and not self._held.get(partition) and position > self._next.get(partition, 0):
            self._next[partition] = position

    def committable(self) -> dict[Partition, int]:
        """Return the offsets to commit: of partitions on which something was finished since the last commit."""
        return {p: offset for p, offset in self._next.items() if self._committed.get(p) != offset}

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Note what the broker has taken."""
        self._committed.update(offsets)

    def next_offset(self, partition: Partition) -> int | None:
        """Return the offset of the first unfinished record; None if none was finished yet."""
        return self._next.get(partition)

    def forget(self) -> None:
        """Drop everything: the partitions are revoked, and what is unfinished comes again, here or elsewhere."""
        self._held.clear()
        self._unfinished.clear()
        self._next.clear()
        self._finished.clear()
        self._committed.clear()
