"""Reads past records at which aiokafka (0.14) would stop every consumer of their partition, again after each restart.

aiokafka raises in the middle of its fetcher, and neither Faust nor we could go on after the record. Two kinds:

- Header names that are not UTF-8. Any producer may send them, and no broker refuses them. They are read as Kafka's own
  clients read them: with replacement characters.
- A batch that cannot be read: damaged on the broker's disk, or compressed bytes that do not decompress. It is skipped,
  counted, and logged once, by partition and offset. All other records are read.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import cramjam
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBase
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from pipeline.kafka.aiokafka_internals import read_in_python, replace_record_readers

logger = logging.getLogger(__name__)

_HEADER = DefaultRecordBase.HEADER_STRUCT
# In the header: the last offset minus the first, and the number of records.
_DELTA_FIELD, _COUNT_FIELD = 6, 12
_MAGIC_BYTE = 16
# What is raised for bytes that do not decompress or are not records. cramjam is imported here, so every codec of Kafka
# is supported: an unsupported codec is damage, and never a library that is not installed.
_UNREADABLE = (
    cramjam.DecompressionError,
    zlib.error,
    struct.error,
    CorruptRecordException,
    UnsupportedCodecError,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    OverflowError,
)
_MAX_REPORTED = 10_000

_reported: set[tuple[TopicPartition, int]] = set()  # batches by their first offset
_listeners: list[Callable[[str], None]] = []


def accept_any_record() -> None:
    """Let every consumer of this process read past such records; may be called more than once."""
    replace_record_readers(_LenientRecords, _LenientPartitionRecords)


def on_unreadable_batch(listener: Callable[[str], None]) -> None:
    """Have `listener` called with the topic of each batch that is skipped."""
    _listeners.append(listener)


class _LenientRecords:
    """The batches of one answer to a fetch."""

    # Set by the reader of these batches: their partition, and the offset that it reads next.
    partition: TopicPartition | None = None
    position: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._start = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        """Return the next batch."""
        start, self._start = self._start, self._end(self._start)
        batch = self._records.next_batch()
        return _LenientBatch(batch, self._data[start : self._start], self, self._next_offset())

    def _end(self, start: int) -> int:
        # A batch begins with its first offset (8 bytes) and the length of the rest (4).
        return start + 12 + int.from_bytes(self._data[start + 8 : start + 12])

    def _next_offset(self) -> int | None:
        """Return the first offset of the next batch; None if this answer holds no more."""
        return int.from_bytes(self._data[self._start :][:8]) if self._records.has_next() else None


class _LenientPartitionRecords(PartitionRecords):  # type: ignore[misc]
    """The records of one answer to a fetch. Gives the batches their partition and position."""

    def __init__(self, tp: TopicPartition, records: Any, *args: Any) -> None:
        records.partition, records.position = tp, lambda: self.next_fetch_offset
        super().__init__(tp, records, *args)


class _LenientBatch:
    """A batch as aiokafka reads it, without what cannot be read.

    Args:
        data: all its bytes.
        records: the answer that holds it.
        following: the first offset of the next batch, if known.
    """

    def __init__(self, batch: Any, data: bytes, records: _LenientRecords, following: int | None) -> None:
        self._batch = batch
        self._data = data
        self._records = records
        self._following = following
        self._is_whole = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """Return True. A batch with a wrong checksum is reported, and has no records from here on."""
        self._is_whole = self._batch.validate_crc()
        if not self._is_whole:
            self._report("its checksum is wrong: damaged on the broker's disk or on the way")
        return True

    # No field of a damaged batch is believed.
    @property
    def is_control_batch(self) -> bool:
        return self._is_whole and self._batch.is_control_batch

    @property
    def producer_id(self) -> int | None:
        return self._batch.producer_id if self._is_whole else None

    @property
    def next_offset(self) -> int:
        """The offset after the batch."""
        if self._is_whole:
            return int(self._batch.next_offset)
        return max(self._following or self._plausible_end, self._records.position() + 1)

    @property
    def _plausible_end(self) -> int:
        """The offset after the batch, if its header agrees with itself; else 0, and every offset is tried."""
        delta, count = self._header[_DELTA_FIELD], self._header[_COUNT_FIELD]
        return self._first_offset + count if delta == count - 1 else 0

    @cached_property
    def _header(self) -> tuple[int, ...]:
        """The fields of the header; in the formats before Kafka 0.11 a batch is one record."""
        is_old = self._data[_MAGIC_BYTE] < 2
        fields: tuple[int, ...] = (0,) * _COUNT_FIELD + (1,) if is_old else _HEADER.unpack_from(self._data)
        return fields

    @property
    def _first_offset(self) -> int:
        return int.from_bytes(self._data[:8])

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        if not self._is_whole:
            return
        num_read = 0
        try:
            for record in self._records_of_batch():
                yield record
                num_read += 1
        except _UNREADABLE as error:
            self._report(f"{type(error).__name__}: {error}", num_read)

    def _records_of_batch(self) -> Iterator[Any]:
        num_read = 0
        try:
            for record in self._batch:
                yield record
                num_read += 1
        except UnicodeDecodeError:
            yield from self._read_leniently()[num_read:]

    def _read_leniently(self) -> list[Any]:
        """Return all records of the batch, read from bytes that always decode."""
        return read_in_python(self._data, _LenientBuffer)

    def _report(self, problem: str, num_read: int = 0) -> None:
        partition, first = self._records.partition, self._first_offset
        if partition is None or (partition, first) in _reported:
            return
        if len(_reported) >= _MAX_REPORTED:
            _reported.clear()
        _reported.add((partition, first))
        logger.error(
            "%s/%d/%d: batch of %d records cannot be read (%s); %d of them skipped",
            *(partition.topic, partition.partition, first),
            *(self._header[_COUNT_FIELD], problem, self._header[_COUNT_FIELD] - num_read),
        )
        for listener in _listeners:
            listener(partition.topic)


class _LenientBuffer(bytearray):
    """Bytes whose slices always decode."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientBuffer(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """Return the text, with replacement characters."""
        return super().decode(encoding, errors)
