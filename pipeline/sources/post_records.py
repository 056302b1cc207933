"""The records of the posts in a document of a file, whatever its format."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.errors import RecordError, UndecodableError
from pipeline.formats.choice import header_of
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.messages import Post
from pipeline.messages.codec import encode
from pipeline.messages.record import Outgoing
from pipeline.messages.unknown_fields import OnUnknown
from pipeline.settings import Settings
from pipeline.sources.lines import MAX_DOCUMENT_BYTES
from pipeline.sources.post_file import Document, PostFile
from pipeline.sources.produce import SourceItem

_MAX_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at one place of a file.

    Attributes:
        number: that of its line, or of the item if the file is one document; the first is 1.
        record: of a post; of a deletion, without a value; of what should be a post but is not, its own bytes; None for
            what is no post.
    """

    number: int
    reading: Reading
    record: Outgoing | None


class DocumentReader:
    """Reads documents as the settings say.

    A post that is a document of its own travels as it is; the agent reads it once more. Each of several posts travels
    in our own form, with the name of its format in a header. So does a post whose format the settings name, because the
    agents may have other settings.

    Args:
        on_unknown: called with the fields of a post in our own form that a post does not define.

    Raises:
        SettingsError: the mapping cannot be used.
    """

    def __init__(self, settings: Settings, *, on_unknown: OnUnknown | None = None) -> None:
        # A document may be large and hold many posts. Each of these has the limit of the settings.
        large = settings.model_copy(update={"max_post_bytes": MAX_DOCUMENT_BYTES})
        self._reader = PostReader.of(large, on_unknown=on_unknown, max_items=MAX_DOCUMENT_BYTES)
        self._topic = settings.topic_posts
        self._max_bytes = settings.max_post_bytes
        self._recognises = settings.post_format == "auto" and settings.post_mapping is None

    def read(self, document: Document) -> Iterator[Found]:
        """Yield everything in the document, in its order. The records of a large one are made one by one."""
        try:
            readings: Sequence[Reading] = self._reader.read(document.content)
        except RecordError as error:
            readings = [BadPost(error, document.content)]
        travels = (
            self._recognises
            and not document.is_file
            and document.content.startswith(b"{")
            and len(readings) == 1
            and isinstance(readings[0], ReadPost)
        )
        for place, reading in enumerate(readings, 1):
            yield self._find(document, place, reading, travels=travels, is_one=len(readings) == 1)

    def raw_record(self, line: bytes) -> Outgoing:
        """Return the record of a line, whatever it holds; it has no key unless the line holds one post."""
        found = list(self.read(Document(1, line)))
        one = found[0].reading if len(found) == 1 else None
        key = one.post.id.encode() if isinstance(one, ReadPost) and len(line) <= self._max_bytes else None
        return Outgoing(self._topic, key, line)

    def _find(
        self, document: Document, place: int, reading: Reading, *, travels: bool, is_one: bool
    ) -> Found:
        number = place if document.is_file else document.number
        if isinstance(reading, ReadPost):
            record = self._record_of(reading, document.content if travels else None)
            size = len(record.value or b"")
            if size <= self._max_bytes:
                return Found(number, reading, record)
            error = UndecodableError(f"{size} bytes: at most {self._max_bytes} are taken")
            reading = BadPost(error, record.value or b"")
        if isinstance(reading, BadPost):
            if not document.is_file and not is_one:
                reading = replace(reading, error=_in_item(place, reading.error))
            return Found(number, reading, Outgoing(self._topic, None, reading.value))
        if isinstance(reading, Deletion):
            return Found(number, reading, Outgoing(self._topic, reading.id.encode(), None))
        return Found(number, reading, None)

    def _record_of(self, read: ReadPost, as_it_is: bytes | None) -> Outgoing:
        key = read.post.id.encode()
        if as_it_is is not None:
            return Outgoing(self._topic, key, as_it_is)
        return Outgoing(self._topic, key, encode(read.post), [header_of(read.read_as)])


async def read_items(posts: PostFile, reader: DocumentReader) -> AsyncIterator[list[SourceItem]]:
    """Yield an item for everything in a file, in batches: what is available at the same time, but not too much."""
    async for documents in posts.documents():
        items = (item for document in documents for item in to_items(document, reader))
        while batch := list(islice(items, _MAX_BATCH)):
            yield batch


async def read_raw_items(posts: PostFile, reader: DocumentReader) -> AsyncIterator[list[SourceItem]]:
    """Yield an item for each line of a file, whatever it holds."""
    async for lines in posts.documents():
        yield [SourceItem(line.number, reader.raw_record(line.content)) for line in lines]


def to_items(document: Document, reader: DocumentReader) -> Iterator[SourceItem]:
    """Yield what is to be published of a document, and the errors of what should be posts but are not."""
    return (SourceItem(found.number, _to_send(found)) for found in reader.read(document))


def to_every_item(document: Document, reader: DocumentReader) -> Iterator[SourceItem]:
    """Yield what is to be published of a document; what should be posts but are not, as their own bytes."""
    return (
        SourceItem(found.number, _to_send(found) if found.record is None else found.record)
        for found in reader.read(document)
    )


class OutcomeReader:
    """Says which outcomes a record will have, by reading it as an agent with these settings does."""

    def __init__(self, settings: Settings) -> None:
        self._reader = PostReader.of(settings)

    def read(self, record: Outgoing) -> list[Post | None]:
        """Return the posts in the record, and None for each dead letter, in order."""
        if record.value is None:
            return []
        try:
            readings = self._reader.read(record.value, record.headers)
        except RecordError:
            return [None]
        found = [reading for reading in readings if isinstance(reading, (ReadPost, BadPost))]
        return [reading.post if isinstance(reading, ReadPost) else None for reading in found]


def _to_send(found: Found) -> Outgoing | RecordError | Skipped:
    reading = found.reading
    if isinstance(reading, BadPost):
        return reading.error
    if isinstance(reading, Skipped):
        return reading
    assert found.record is not None
    return found.record


def _in_item(place: int, error: RecordError) -> RecordError:
    return type(error)(f"item {place}: {error}")
