"""The messages of one batch, each held until its outcome is with the broker.

Faust commits what no reference holds, and two things about that would lose posts:

- `take_events` lets go of a whole batch whenever the loop body is left, also by an exception or by cancellation.
  So every message is held by one more reference.
- A hole at the head of a partition is committed past where Faust has committed nothing yet, or just the record
  before (its `_new_offset` compares with the last committed offset, and is off by one). So a partition's messages
  are let go in their order, whatever the order in which they are finished.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from pipeline.records import Record

# Ours, and that of `take_events`: a finished post must not be done again because its batch was not.
_NUM_REFERENCES = 2


class HeldBatch:
    """Holds Faust's messages from the start.

    Args:
        messages: Faust's, in the order of their offsets within a partition.
        records: the same as the agent sees them, in the same order.
        consumer: Faust's consumer, which notes what may be committed.
    """

    def __init__(self, messages: Sequence[Any], records: Sequence[Record], consumer: Any) -> None:
        self._consumer = consumer
        # By identity: after a rebalance a batch may hold the same offset twice.
        self._unfinished = {id(record) for record in records}
        self._held: dict[int, deque[tuple[int, Any]]] = defaultdict(deque)  # by partition
        for message, record in zip(messages, records, strict=True):
            message.incref()
            self._held[record.partition].append((id(record), message))

    def finish(self, record: Record) -> None:
        """Note that the outcome of `record` is with the broker; its offset is committed once all before it are."""
        self._unfinished.discard(id(record))
        held = self._held[record.partition]
        while held and held[0][0] not in self._unfinished:
            held.popleft()[1].ack(self._consumer, _NUM_REFERENCES)
