"""The source `kafka`: another topic, of the same or another cluster, in any format.

The cursor holds the offset to read next of each partition. There is no consumer group, so nothing is left behind on the
other cluster, and a user with the right to read the topic is enough. Only committed records are read.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Self

import msgspec

from pipeline.errors import (
    BrokerUnavailableError,
    KafkaAccessError,
    SettingsError,
    SourceRefusedError,
    SourceUnavailableError,
)
from pipeline.formats.fields import is_usable_id
from pipeline.formats.format import Deletion, Reading, Skipped
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.resume import resumed
from pipeline.messages.headers import Header, header_names, pick_headers
from pipeline.messages.record import Record
from pipeline.settings import Settings, load_settings
from pipeline.settings.checks import variable_of
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.gathering import in_batches
from pipeline.sources.live.source import Batch, Filter, source_key
from pipeline.topology import TOPICS

logger = logging.getLogger(__name__)

_TOPIC, _BROKERS, _CONFIG = map(variable_of, ("source_topic", "source_brokers", "source_config"))


class KafkaTopic:
    """Records of a topic."""

    name = "kafka"
    filters: frozenset[Filter] = frozenset()

    def __init__(self, settings: Settings) -> None:
        if settings.source_topic is None:
            raise SettingsError([f"{_TOPIC}: not set: expected the topic to read"])
        self._topic = settings.source_topic
        self._settings = _settings_of_source(settings)
        Cluster.of(self._settings)  # a mistake in the login's files is reported before anything is begun
        ours = {topic.name(settings) for topic in TOPICS}
        if self._settings.brokers == settings.brokers and self._topic in ours:
            raise SettingsError([f"{_TOPIC}={self._topic}: the pipeline itself writes to this topic"])
        self._documents = Documents(settings, settings.source_format)
        self._carried = header_names(settings.carry_headers)
        taken = (settings.source_words, settings.source_languages)
        self.key = source_key(self.name, self._settings.brokers, self._topic, *taken)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the source; raises SettingsError."""
        return cls(settings)

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Connect once and yield what comes, from the cursor on; see `LiveSource.read`."""
        try:
            cluster = Cluster.of(self._settings)  # read anew: passwords change
            starts = _offsets(cursor)
            async with resumed(cluster, self._topic, starts, report=logger.warning) as (offsets, records):
                yield Batch(cursor=_cursor(offsets))
                async with aclosing(in_batches(records, _size)) as batches:
                    async for batch in batches:
                        offsets |= {record.partition: record.offset + 1 for record in batch}
                        yield self._batch(batch, _cursor(offsets))
        except BrokerUnavailableError as error:
            raise SourceUnavailableError(str(error)) from error
        except KafkaAccessError as error:
            raise SourceRefusedError(f"{error} (the source: {_BROKERS}, {_CONFIG})") from error

    def _batch(self, records: Sequence[Record], cursor: str) -> Batch:
        items: list[Reading] = []
        headers: list[list[Header]] = []
        for record in records:
            found = self._read(record)
            items += found
            headers += [pick_headers(record.headers, self._carried)] * len(found)
        return Batch(items, cursor, max(record.timestamp for record in records), headers)

    def _read(self, record: Record) -> list[Reading]:
        if not record.is_tombstone:
            return self._documents.read(record.value, record.headers)
        # A tombstone names what it deletes by its key alone. A key in JSON, as Debezium writes it, is no id of a post.
        key = (record.key or b"").decode("utf-8", "replace")
        return (
            [Deletion(key)] if is_usable_id(key) and not key.startswith(("{", "[")) else [Skipped("delete")]
        )


def _settings_of_source(settings: Settings) -> Settings:
    """Return the settings for the cluster of the source.

    Raises:
        SettingsError: the login's file is wrong, or of no use.
    """
    if settings.source_brokers is None:
        if settings.source_config is not None:
            raise SettingsError([f"{_CONFIG}: has no effect without {_BROKERS}"])
        return settings
    return load_settings(settings.source_config, environ={}, overrides={"brokers": settings.source_brokers})


def _cursor(offsets: dict[int, int]) -> str:
    return msgspec.json.encode({str(partition): offsets[partition] for partition in sorted(offsets)}).decode()


def _offsets(cursor: str | None) -> dict[int, int] | None:
    """Return the offsets in the cursor; None if there is none, or it is of another kind."""
    try:
        return None if cursor is None else msgspec.json.decode(cursor, type=dict[int, int])
    except (msgspec.DecodeError, RecursionError):
        return None


def _size(record: Record) -> int:
    return len(record.value or b"")
