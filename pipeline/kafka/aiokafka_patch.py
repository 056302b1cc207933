"""Records that aiokafka (0.14) would end every consumer of their partition for, again after each restart.

It raises in the middle of its fetcher, where neither Faust nor we could go on behind the record. Two kinds:

- Header names that are not UTF-8, which any producer may send and no broker refuses, are read as Kafka's own clients
  read them: with replacement characters.
- A batch that nobody can read (damaged on the broker's disk, or compressed bytes that do not decompress) is skipped. It
  is told once in the log, by partition and offset, and counted; all other records come as ever.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

logger = logging.getLogger(__name__)

_HEADER = DefaultRecordBase.HEADER_STRUCT
_DELTA_FIELD, _COUNT_FIELD = 6, 12  # of the header: last offset less first, and the number of records
_MAGIC_BYTE = 16
# What readers of bytes that do not decompress, or are no records, raise. As cramjam is imported here, a codec that is
# not supported is none of Kafka's: a library that is missing must never pass for a damaged batch.
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
_MAX_TOLD = 10_000

_told: set[tuple[TopicPartition, int]] = set()  # batches by their first offset
_listeners: list[Callable[[str], None]] = []


def accept_any_record() -> None:
    """Let every consumer of this process get past such records; may be called more than once."""
    fetcher.MemoryRecords = _LenientRecords
    fetcher.PartitionRecords = _LenientPartitionRecords


def on_unreadable_batch(listener: Callable[[str], None]) -> None:
    """Have `listener` told the topic of each batch that is skipped."""
    _listeners.append(listener)


class _LenientRecords:
    """The batches of one answer to a fetch."""

    # Set by the one reader of these: where the batches lie, and the offset that it wants next.
    place: TopicPartition | None = None
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
        """Return the first offset of the batch that follows; None if there is none here."""
        return int.from_bytes(self._data[self._start :][:8]) if self._records.has_next() else None


class _LenientPartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one answer to a fetch, which tells its batches where they lie."""

    def __init__(self, tp: TopicPartition, records: Any, *args: Any) -> None:
        records.place, records.position = tp, lambda: self.next_fetch_offset
        super().__init__(tp, records, *args)


class _LenientBatch:
    """A batch as aiokafka reads it; what cannot be read of it is not there.

    Args:
        data: all its bytes.
        records: the answer that it came in.
        following: the first offset of the batch that follows, if that is known.
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
        """Return True; a batch with a wrong checksum is told, and has no records from here on."""
        self._is_whole = self._batch.validate_crc()
        if not self._is_whole:
            self._tell("its checksum is wrong: damaged on the broker's disk or on the way")
        return True

    # Of a damaged batch nothing is believed.
    @property
    def is_control_batch(self) -> bool:
        return self._is_whole and self._batch.is_control_batch

    @property
    def producer_id(self) -> int | None:
        return self._batch.producer_id if self._is_whole else None

    @property
    def next_offset(self) -> int:
        """The offset behind the batch."""
        if self._is_whole:
            return int(self._batch.next_offset)
        return max(self._following or self._plausible_end, self._records.position() + 1)

    @property
    def _plausible_end(self) -> int:
        """What the header says, if it agrees with itself, and else 0: the reader then feels its way, one by one."""
        delta, count = self._header[_DELTA_FIELD], self._header[_COUNT_FIELD]
        return self._first_offset + count if delta == count - 1 else 0

    @cached_property
    def _header(self) -> tuple[int, ...]:
        """The fields of a batch; of the formats before Kafka 0.11, one record."""
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
            self._tell(f"{type(error).__name__}: {error}", num_read)

    def _records_of_batch(self) -> Iterator[Any]:
        num_read = 0
        try:
            for record in self._batch:
                yield record
                num_read += 1
        except UnicodeDecodeError:
            yield from self._read_leniently()[num_read:]

    def _read_leniently(self) -> list[Any]:
        """Return all records of the batch by aiokafka's reader in plain Python, over bytes that always decode."""
        batch: Any = _DefaultRecordBatchPy(self._data)
        iter(batch)  # decompresses
        batch._buffer = _LenientBuffer(batch._buffer)
        return list(batch)

    def _tell(self, problem: str, num_read: int = 0) -> None:
        place, first = self._records.place, self._first_offset
        if place is None or (place, first) in _told:
            return
        if len(_told) >= _MAX_TOLD:
            _told.clear()
        _told.add((place, first))
        logger.error(
            "%s/%d/%d: batch of %d records cannot be read (%s); %d of them skipped",
            *(place.topic, place.partition, first),
            *(self._header[_COUNT_FIELD], problem, self._header[_COUNT_FIELD] - num_read),
        )
        for listener in _listeners:
            listener(place.topic)


class _LenientBuffer(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientBuffer(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """Return the text, with replacement characters."""
        return super().decode(encoding, errors)
