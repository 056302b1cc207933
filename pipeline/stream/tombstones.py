"""Records without a value, by which Kafka deletes what lies under their key: counted, and no agent's work."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter

from pipeline.messages.record import Finish, Record


def finish_tombstones(records: Sequence[Record], finish: Finish, counter: Counter) -> list[Record]:
    """Finish the records that are tombstones and count them; returns the others, in order.

    Nothing is published of them: nothing is in them that could be lost, and no outcome is deleted for them.
    """
    left = []
    for record in records:
        if record.is_tombstone:
            counter.inc()
            finish(record)
        else:
            left.append(record)
    return left
