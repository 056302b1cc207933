"""What comes to an agent: records are counted, tombstones finished, the others decoded or made dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.record import Record
from pipeline.monitor.metrics import Metrics
from pipeline.stream.agent import Finish
from pipeline.topology import Role

_M = TypeVar("_M")


class Intake(Generic[_M]):
    """Takes the batches of one role's agent.

    Args:
        decode_record: returns the message that a record holds, or the record's dead letter.
    """

    def __init__(
        self, role: Role, metrics: Metrics, decode_record: Callable[[Record], _M | DeadLetter]
    ) -> None:
        self._role = role
        self._metrics = metrics
        self._decode_record = decode_record

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

    def decode(self, records: Sequence[Record]) -> list[_M | DeadLetter]:
        """Return the message or the dead letter of each record."""
        return [self._decode_record(record) for record in records]

    @contextmanager
    def in_flight(self, num_records: int = 1) -> Iterator[None]:
        """Show the records as begun, until their outcomes are acknowledged."""
        self._metrics.posts_in_flight.inc(num_records)
        try:
            yield
        finally:
            self._metrics.posts_in_flight.dec(num_records)
