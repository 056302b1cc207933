"""Answers to a fetch with batches that cannot be read: aiokafka's own writer makes them, then they are damaged."""

from __future__ import annotations

import binascii
import logging
import random
import struct
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.kafka.reading.unreadable import accept_any_record, on_unreadable_batch
from pipeline.settings import Settings
from pipeline.stream.process import AgentProcess
from pipeline.topology import ANNOTATE

_NUM_RECORDS = 3
_HEADER_BYTES = 61
_NO_PRODUCER = -1
_ALL_CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.fixture(autouse=True)
def _lenient(caplog: pytest.LogCaptureFixture) -> None:
    accept_any_record()
    caplog.set_level(logging.ERROR, "pipeline.kafka.reading.unreadable")


def _batch(first: int, codec: int = 0) -> bytearray:
    """Return a batch of three records with these offsets on."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, _NO_PRODUCER, -1, -1, 1 << 20)
    for number in range(_NUM_RECORDS):
        builder.append(number, 0, b"key", b"%d" % (first + number) * 30, [])
    batch = bytearray(builder.build())
    batch[:8] = first.to_bytes(8)
    return batch


def _seal(batch: bytearray) -> bytearray:
    """Make the checksum fit again."""
    batch[17:21] = struct.pack(">I", calc_crc32c(bytes(batch[21:])))
    return batch


def _spoil(batch: bytearray) -> bytearray:
    batch[_HEADER_BYTES:] = b"\xa5" * (len(batch) - _HEADER_BYTES)
    return batch


def _read(topic: str, *batches: bytearray, position: int = 0) -> tuple[list[int], int]:
    """Return the offsets that a consumer gets, and where it goes on; each test has its own topic."""
    records: Any = fetcher.MemoryRecords(b"".join(batches))
    partition_records: Any = fetcher.PartitionRecords(
        TopicPartition(topic, 4), records, None, position, None, None, True, READ_COMMITTED
    )
    return [record.offset for record in partition_records], partition_records.next_fetch_offset


@pytest.mark.parametrize("codec", _ALL_CODECS.values(), ids=_ALL_CODECS)
def test_every_codec_is_read(codec: int) -> None:
    """The library that aiokafka needs for it is there."""
    assert _read("codec", _batch(0, codec), _batch(3, codec)) == ([0, 1, 2, 3, 4, 5], 6)


@pytest.mark.parametrize("codec", _ALL_CODECS.values(), ids=_ALL_CODECS)
def test_bytes_that_do_not_decompress_cost_their_batch_alone(
    codec: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The checksum fits; what lies before and behind is read, the log says once what is not, a listener hears of it."""
    topics: list[str] = []
    on_unreadable_batch(topics.append)
    topic = f"spoilt-{codec}"
    answer = (_batch(0, codec), _seal(_spoil(_batch(3, codec))), _batch(6, codec))
    for _ in range(2):
        assert _read(topic, *answer) == ([0, 1, 2, 6, 7, 8], 9)
    (message,) = caplog.messages
    assert message.startswith(f"{topic}/4/3: batch of 3 records cannot be read (")
    assert message.endswith("3 of them skipped")
    assert topics == [topic]


def test_a_codec_that_kafka_does_not_have_costs_its_batch_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Attributes name it."""
    batch = _batch(0)
    batch[22] |= 7
    assert _read("unknown codec", _seal(batch), _batch(3)) == ([3, 4, 5], 6)
    assert "Unknown compression codec 0x07" in caplog.text


def test_a_wrong_checksum_costs_its_batch_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever its header says of itself: a control batch, a producer, another length in records."""
    batch = _batch(3)
    batch[21:23] = b"\xff\xff"
    batch[23:27] = b"\x7f\xff\xff\xff"  # last offset less first
    assert _read("checksum", _batch(0), batch, _batch(6)) == ([0, 1, 2, 6, 7, 8], 9)
    assert "checksum/4/3: batch of 3 records cannot be read (its checksum is wrong" in caplog.text


def test_behind_a_damaged_batch_at_the_end_its_header_counts_if_it_agrees_with_itself() -> None:
    """Else the next fetch is for one offset more: a broker answers it with the same batch until that is passed."""
    whole = _spoil(_batch(3))
    assert _read("header", whole) == ([], 6)
    whole[23:27] = b"\x7f\xff\xff\xff"
    assert _read("no header", whole, position=3) == ([], 4)
    assert _read("no header", whole, position=4) == ([], 5)


@pytest.mark.parametrize("fits_checksum", [True, False])
def test_a_damaged_batch_of_an_old_format_costs_itself_alone(
    fits_checksum: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Brokers before Kafka 4 may still hold some: of one record, or of several compressed into one."""
    builder = LegacyRecordBatchBuilder(1, 1, 1 << 20)
    builder.append(0, timestamp=0, key=b"k", value=b"v" * 60)
    batch = bytearray(builder.build())
    batch[:8] = (3).to_bytes(8)
    batch[-20:] = b"\xa5" * 20
    if fits_checksum:
        batch[12:16] = struct.pack(">I", binascii.crc32(bytes(batch[16:])))
    topic = f"old-{fits_checksum}"
    assert _read(topic, _batch(0), batch, _batch(4)) == ([0, 1, 2, 4, 5, 6], 7)
    assert caplog.text.count(f"{topic}/4/3: batch of 1 records cannot be read (") == 1


def test_a_header_name_that_is_not_utf8_is_read_with_replacement_characters() -> None:
    """By each codec, in a batch that is not the first."""
    for codec in _ALL_CODECS.values():
        builder = DefaultRecordBatchBuilder(2, codec, 0, _NO_PRODUCER, -1, -1, 1 << 20)
        builder.append(0, 0, b"k", b"v", [("\x01\x02", b"value")])
        batch = bytearray(builder.build())
        batch[:8] = (3).to_bytes(8)
        if codec == 0:
            batch = _seal(batch.replace(b"\x01\x02", b"\xff\xfe"))
        records = fetcher.MemoryRecords(bytes(_batch(0) + batch))
        found = fetcher.PartitionRecords(
            TopicPartition("names", 0), records, None, 0, None, None, True, READ_COMMITTED
        )
        *_, last = found
        assert last.headers == (("\ufffd\ufffd" if codec == 0 else "\x01\x02", b"value"),)


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_stops_a_reader(seed: int) -> None:
    """Random bytes anywhere behind the length, with and without a checksum that fits: what lies around is read."""
    chance = random.Random(seed)
    for codec in _ALL_CODECS.values():
        batch = _batch(3, codec)
        for _ in range(chance.choice([1, 4, 40])):
            batch[chance.randrange(_HEADER_BYTES, len(batch))] = chance.randrange(256)
        if chance.random() < 0.5:
            _seal(batch)
        offsets, end = _read(f"{seed}-{codec}", _batch(0), batch, _batch(6))
        assert offsets[:3] == [0, 1, 2]
        assert offsets[-3:] == [6, 7, 8]
        assert end == 9


def test_an_agent_counts_what_is_skipped() -> None:
    """From 0 on, each batch once."""
    metrics = AnnotateMetrics()
    AgentProcess(ANNOTATE, Settings(), metrics)
    registry = metrics.registry
    assert registry.get_sample_value("tocsin_unreadable_batches_total") == 0
    for _ in range(2):
        _read("counted", _seal(_spoil(_batch(0, 1))), _batch(3))
    assert registry.get_sample_value("tocsin_unreadable_batches_total") == 1
