"""Records whose header names are not UTF-8, read as Kafka's own clients read them: with replacement characters.

aiokafka (0.14) raises in the middle of its fetcher instead, so that one such record, which any producer may send and no
broker refuses, would end every consumer of its partition, again after each restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

# A batch begins with its first offset (8 bytes) and the length of the rest (4).
_START_BYTES = 12


def accept_any_header_name() -> None:
    """Let every consumer of this process read such records; may be called more than once."""
    fetcher.MemoryRecords = _LenientRecords


class _LenientRecords:
    """The batches of one answer to a fetch."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._num_batches = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        """Return the next batch."""
        batch = _LenientBatch(self._records.next_batch(), self._data, self._num_batches)
        self._num_batches += 1
        return batch


class _LenientBatch:
    """A batch as aiokafka reads it, and read once more, slowly, where that fails on a header's name."""

    def __init__(self, batch: Any, data: bytes, number: int) -> None:
        self._batch = batch
        self._data = data
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        num_read = 0
        try:
            for record in self._batch:
                yield record
                num_read += 1
        except UnicodeDecodeError:
            yield from self._read_leniently()[num_read:]

    def _read_leniently(self) -> list[Any]:
        """Return all records of the batch by aiokafka's reader in plain Python, over bytes that always decode."""
        start, end = 0, self._end(0)
        for _ in range(self._number):
            start, end = end, self._end(end)
        batch: Any = _DefaultRecordBatchPy(self._data[start:end])
        iter(batch)  # decompresses
        batch._buffer = _LenientBuffer(batch._buffer)
        return list(batch)

    def _end(self, start: int) -> int:
        length = int.from_bytes(self._data[start + _START_BYTES - 4 : start + _START_BYTES])
        return start + _START_BYTES + length


class _LenientBuffer(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientBuffer(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """Return the text, with replacement characters."""
        return super().decode(encoding, errors)
