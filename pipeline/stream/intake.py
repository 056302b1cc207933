"""What comes to an agent: records are counted, tombstones finished, the others handed on, whole or in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.messages.record import Record
from pipeline.monitor.metrics import Metrics
from pipeline.stream.agent import Finish
from pipeline.topology import Role


class Intake:
    """Takes the batches of one role's agent."""

    def __init__(self, role: Role, metrics: Metrics) -> None:
        self._role = role
        self._metrics = metrics

    def take(self, records: Sequence[Record], finish: Finish) -> list[Record]:
        """Count a batch and finish its tombstones; returns the other records, in order.

        A tombstone holds nothing that could be lost, and it deletes no outcome: nothing is published of it.
        """
        self._metrics.posts_received.labels(self._role.name).inc(len(records))
        self._metrics.batch_size.labels(self._role.name).observe(len(records))
        others = []
        for record in records:
            if record.is_tombstone:
                self._metrics.tombstones.labels(self._role.name).inc()
                finish(record)
            else:
                others.append(record)
        return others

    @contextmanager
    def in_flight(self, num_outcomes: int = 1) -> Iterator[None]:
        """Show so many records, or parts of records, as begun, until their outcomes are acknowledged."""
        self._metrics.posts_in_flight.inc(num_outcomes)
        try:
            yield
        finally:
            self._metrics.posts_in_flight.dec(num_outcomes)


class Parts:
    """Finishes each record once the outcomes of all its parts are acknowledged.

    A record whose work stops in between is not finished, so it comes again as a whole.
    """

    def __init__(self, finish: Finish) -> None:
        self._finish = finish
        self._wholes: dict[int, Record] = {}  # by the identity of the part
        self._num_left: dict[
            int, int
        ] = {}  # parts without an acknowledged outcome, by the identity of the record

    def begin(self, record: Record, parts: Sequence[Record]) -> None:
        """Note the parts of a record, which may be the record itself. A record without parts is finished at once."""
        if not parts:
            self._finish(record)
            return
        self._num_left[id(record)] = len(parts)
        self._wholes |= {id(part): record for part in parts}

    def finish(self, part: Record) -> None:
        """Note that the broker has acknowledged the outcome of this part."""
        record = self._wholes.pop(id(part))
        self._num_left[id(record)] -= 1
        if not self._num_left[id(record)]:
            del self._num_left[id(record)]
            self._finish(record)
