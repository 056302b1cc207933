"""From a record to its posts: each with the part of the record that it is, and dead letters for what is not a post."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.formats.choice import header_of
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DECODE, DeadLetter, read_or_dead_letter, to_dead_letter
from pipeline.messages.record import Record
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """What gets an outcome of its own: a record, or one of the several posts of a record.

    Attributes:
        record: the record itself; of one of several posts, a record that holds this post alone, so that its dead letter
            can be tried again without the others.
    """

    record: Record
    content: ReadPost | DeadLetter


class RecordReader:
    """Reads records as the settings say, and counts what it finds in them.

    Raises:
        SettingsError: the mapping cannot be used.
    """

    def __init__(self, settings: Settings, metrics: AnnotateMetrics) -> None:
        unknown = UnknownFields(lambda name: logger.info("%s: %s", NOT_OF_A_POST, name))
        self._reader = PostReader.of(settings, on_unknown=unknown.note)
        self._metrics = metrics

    def read(self, record: Record) -> list[Part]:
        """Return the parts of the record, in order. Deletions and what is no post are counted and have no part."""
        readings = read_or_dead_letter(record, lambda record: self._reader.read(record.value, record.headers))
        if isinstance(readings, DeadLetter):
            return [Part(record, readings)]
        return list(self._parts(record, readings))

    def _parts(self, record: Record, readings: Sequence[Reading]) -> Iterator[Part]:
        for reading in readings:
            match reading:
                case ReadPost():
                    self._metrics.count(reading.read_as)
                    yield Part(_part_of_post(record, reading), reading)
                case BadPost():
                    part = record if reading.index is None else _part(record, reading.value, reading.index)
                    yield Part(part, to_dead_letter(part, reading.error, stage=DECODE))
                case Deletion():
                    self._metrics.deletions.inc()
                case Skipped():
                    self._metrics.items_skipped.labels(reading.what).inc()


def _part_of_post(record: Record, post: ReadPost) -> Record:
    if post.index is None:
        return record
    part = _part(record, encode(post.post), post.index)
    return replace(part, headers=(*part.headers, header_of(post.read_as)))


def _part(record: Record, value: bytes, index: int) -> Record:
    return replace(record, value=value, index=index)
