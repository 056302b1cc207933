"""The way of a record: its envelopes are opened, its format recognised, its fields made to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self, get_args

import msgspec
import orjson

from pipeline.errors import InvalidMessageError, RecordError, SettingsError, UndecodableError
from pipeline.formats.document import HUGE_NUMBER, made_plain
from pipeline.formats.envelopes import Opened, Opener, Step, Trail, Unopened, Withdrawn
from pipeline.formats.fields import is_usable_id, to_post, usable_id
from pipeline.formats.format import BadPost, Deletion, Draft, Format, Item, Reading, ReadPost, Skipped
from pipeline.formats.mapping import PostMapping
from pipeline.formats.registry import FORMATS
from pipeline.formats.tocsin import TOCSIN, is_plain, read_own
from pipeline.formats.unrecognised import to_unrecognised
from pipeline.messages.codec import MAX_POST_DEPTH, encode, is_deeper
from pipeline.messages.headers import FORMAT as FORMAT_HEADER
from pipeline.messages.headers import Header
from pipeline.messages.post import Post, ReadAs
from pipeline.messages.unknown_fields import OnUnknown
from pipeline.settings import Settings, assignment
from pipeline.settings.checks import PostFormatName

MAPPING = "mapping"
AUTO = "auto"
# Of read_as.format and of the metrics.
FORMAT_NAMES: tuple[str, ...] = (*(name for name in get_args(PostFormatName) if name != AUTO), MAPPING)

# Each becomes a record of its own. Without a bound one record of small change would become a flood.
MAX_ITEMS = 1_000

_PLAIN = ReadAs(format="tocsin")


class PostReader:
    """Reads records as the settings say.

    Args:
        mapping: makes posts of every record, whatever its format; only records of our own sources have their own.
        on_unknown: called with the fields of a post in our own form that a post does not define.
        max_items: more of them in one record are refused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        mapping: PostMapping | None = None,
        on_unknown: OnUnknown | None = None,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._max_bytes = settings.max_post_bytes
        self._mapping = mapping
        self._format = _find_format(settings.post_format)
        self._on_unknown = on_unknown
        self._max_items = max_items
        self._opener = Opener(self._takes_list)

    @classmethod
    def of(
        cls, settings: Settings, *, on_unknown: OnUnknown | None = None, max_items: int = MAX_ITEMS
    ) -> Self:
        """Return the reader that these settings ask for.

        Raises:
            SettingsError: the mapping cannot be used; the text says where its mistake is.
        """
        if settings.post_mapping is None:
            return cls(settings, on_unknown=on_unknown, max_items=max_items)
        if settings.post_format != AUTO:
            chosen = assignment("post_format", settings.post_format)
            raise SettingsError([f"{chosen}: has no effect with TOCSIN_POST_MAPPING: set one of them"])
        mapping = PostMapping.load(settings.post_mapping)
        return cls(settings, mapping=mapping, on_unknown=on_unknown, max_items=max_items)

    def read(self, value: bytes | None, headers: Sequence[Header] = ()) -> list[Reading]:
        """Return what lies in a record, in its order.

        Raises:
            RecordError: nothing of the record can be read.
        """
        if value is None:
            raise UndecodableError("the record has no value")
        # The size is checked before decoding, because the decoder has no limit.
        if len(value) > self._max_bytes:
            raise UndecodableError(f"{len(value)} bytes: at most {self._max_bytes} are taken")
        return self._collect(self._opener.open_record(value, headers), _converted_from(headers))

    def read_document(self, document: Any) -> list[Reading]:
        """Return what lies in a document that is decoded already: an element of a large file.

        Raises:
            RecordError: nothing of the document can be read.
        """
        return self._collect(self._opener.open_document(made_plain(document), Trail(may_be_deep=True)), None)

    def _collect(self, steps: Iterable[Step], converted_from: str | None) -> list[Reading]:
        readings: list[Reading] = []
        for step in steps:
            for reading in self._read_step(step, converted_from):
                readings.append(reading)
                if len(readings) > self._max_items:
                    raise InvalidMessageError(f"more than {self._max_items} posts in one record")
        bad = [reading for reading in readings if isinstance(reading, BadPost)]
        if bad and len(bad) == len(readings):
            raise _error_of_all(bad)
        return readings if len(readings) < 2 else [_with_index(r, n) for n, r in enumerate(readings)]

    def _read_step(self, step: Step, converted_from: str | None) -> Iterator[Reading]:
        match step:
            case Skipped():
                yield step
            case Unopened(error, document):
                yield BadPost(error, _to_bytes(document))
            case Withdrawn():
                yield self._to_deletion(step)
            case Opened(document, trail):
                try:
                    for item, name, unknown in self._items(document, trail, converted_from):
                        yield self._to_reading(item, name, unknown, step)
                except RecordError as error:
                    yield BadPost(error, _to_bytes(document))

    def _to_reading(self, item: Item, name: str, unknown: dict[str, Any], step: Opened) -> Reading:
        if isinstance(item, Deletion):
            return item if is_usable_id(item.id) else Skipped("delete")
        if isinstance(item, Skipped):
            return item
        try:
            post, changes = _make_post(item, step.trail)
        except RecordError as error:
            return BadPost(error, _to_bytes(_fields_of(item) if name != TOCSIN.name else step.document))
        if unknown and self._on_unknown is not None:
            self._on_unknown(unknown)
        trail = step.trail
        if name == TOCSIN.name and not changes and not trail.envelopes and not trail.changes:
            return ReadPost(post, _PLAIN)
        all_changes = list(dict.fromkeys((*trail.changes, *changes)))
        return ReadPost(post, ReadAs(format=name, envelopes=list(trail.envelopes), changes=all_changes))

    def _items(
        self, document: Any, trail: Trail, converted_from: str | None
    ) -> Iterator[tuple[Item, str, dict[str, Any]]]:
        """Yield each item of a document, with the name of its format and the fields that a post does not define."""
        if converted_from is not None:
            draft, unknown = read_own(document)
            yield draft, converted_from, unknown
        elif self._mapping is not None:
            for draft in self._mapping.read(document):
                yield draft, MAPPING, {}
        else:
            form = self._format or (TOCSIN if is_plain(document) else _recognise(document, trail))
            if form is TOCSIN:
                draft, unknown = read_own(document)
                yield draft, form.name, unknown
                return
            for item in form.read(document):
                yield item, form.name, {}

    def _takes_list(self, items: list[Any]) -> bool:
        if self._mapping is not None:
            return self._mapping.finds_posts
        formats = FORMATS if self._format is None else (self._format,)
        return any(form.recognises(items) for form in formats)

    def _to_deletion(self, withdrawn: Withdrawn) -> Reading:
        """Return the deletion of the post that a row was; a row that was none is nothing to us."""
        with_text = (
            {"text": "", **withdrawn.document} if isinstance(withdrawn.document, dict) else withdrawn.document
        )
        for document in (withdrawn.document, with_text):
            post_id = self._find_id(document, withdrawn.trail)
            if post_id is not None:
                return Deletion(post_id)
        return Skipped("delete")

    def _find_id(self, document: Any, trail: Trail) -> str | None:
        try:
            steps = list(self._opener.open_document(document, Trail()))
            if not (len(steps) == 1 and isinstance(steps[0], Opened)):
                return None
            items = [item for item, _, _ in self._items(steps[0].document, trail, None)]
            if len(items) != 1 or not isinstance(items[0], Draft):
                return None
            post_id, _ = usable_id(items[0].id)
        except RecordError:
            return None
        return post_id if is_usable_id(post_id) else None


def _find_format(name: str) -> Format | None:
    """Return the format of this name; None for `auto`."""
    if name == AUTO:
        return None
    formats = {form.name: form for form in FORMATS}
    if name not in formats:
        raise SettingsError(
            [f"{assignment('post_format', name)}: not there yet; expected {', '.join(formats)}"]
        )
    return formats[name]


def _recognise(document: Any, trail: Trail) -> Format:
    for form in FORMATS:
        if form.recognises(document):
            return form
    raise to_unrecognised(document, trail.envelopes)


def _converted_from(headers: Sequence[Header]) -> str | None:
    for name, value in headers:
        if name == FORMAT_HEADER and value is not None:
            text = value.decode(errors="replace")
            return text if text in FORMAT_NAMES else None
    return None


def _make_post(draft: Draft, trail: Trail) -> tuple[Post, tuple[str, ...]]:
    post, changes = to_post(draft)
    if HUGE_NUMBER in trail.changes:
        post = msgspec.structs.replace(post, metadata=made_plain(post.metadata))
    # In the metadata a field lies deeper than it lay in the record.
    if trail.may_be_deep and is_deeper(encode(post), MAX_POST_DEPTH):
        raise UndecodableError(f"nested more than {MAX_POST_DEPTH} deep")
    return post, changes


def _fields_of(draft: Draft) -> dict[str, Any]:
    return {name: value for name in draft.__slots__ if name != "changes" and (value := getattr(draft, name))}


def _to_bytes(document: Any) -> bytes:
    return document.encode() if isinstance(document, str) else orjson.dumps(document)


def _error_of_all(bad: Sequence[BadPost]) -> Exception:
    """Return the error of a record in which nothing is a post."""
    if len(bad) == 1 or not isinstance(bad[0].error, RecordError):
        return bad[0].error
    return type(bad[0].error)(f"none of {len(bad)} items is a post; the first: {bad[0].error}")


def _with_index(reading: Reading, index: int) -> Reading:
    return replace(reading, index=index) if isinstance(reading, (ReadPost, BadPost)) else reading
