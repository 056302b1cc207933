"""The way of a record: its envelopes are opened, its format recognised, its fields made to fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import msgspec
import orjson

from pipeline.errors import InvalidMessageError, RecordError, SettingsError, UndecodableError
from pipeline.formats.choice import AUTO, MAPPING, FormatChoice, ReadItem, read_before
from pipeline.formats.document import HUGE_NUMBER, Document, load, made_plain
from pipeline.formats.envelopes import (
    NOTHING_OPENED,
    Opened,
    Opener,
    Step,
    Trail,
    Withdrawn,
    trail_of,
)
from pipeline.formats.fields import UNAVAILABLE, is_usable_id, to_post, usable_id
from pipeline.formats.format import BadPost, Deletion, Draft, Reading, ReadPost, Skipped, Unread
from pipeline.formats.networks.skipped import UNNAMED_DELETION
from pipeline.formats.reasons import with_headers
from pipeline.formats.tocsin import TOCSIN
from pipeline.messages.codec import MAX_POST_DEPTH, encode, is_deeper
from pipeline.messages.headers import Header
from pipeline.messages.post import Post, ReadAs
from pipeline.messages.unknown_fields import POST_FIELDS, OnUnknown, keep_unknown_fields
from pipeline.settings import Settings, assignment

if TYPE_CHECKING:  # few need it, and jmespath takes its time to load
    from pipeline.formats.mapping import PostMapping

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
        self._max_items = max_items
        self._choice = FormatChoice(settings.post_format, mapping)
        self._opener = Opener(takes_lists=self._choice.takes_lists)
        self._on_unknown = on_unknown

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
        from pipeline.formats.mapping import PostMapping

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
            raise UndecodableError(
                f"{len(value)} bytes: at most {self._max_bytes} are taken (TOCSIN_MAX_POST_BYTES)"
            )
        try:
            return self._read(value, headers)
        except UndecodableError as error:
            raise with_headers(error, headers) from error

    def _read(self, value: bytes, headers: Sequence[Header]) -> list[Reading]:
        before = read_before(headers) if headers else None
        trail = trail_of(headers) if before is None else _after(before, trail_of(headers))
        converted_from = None if before is None else before.format
        if (document := _load_object(value)) is None:
            return self._collect(self._opener.open_bytes(value, trail), converted_from)
        if trail is NOTHING_OPENED and converted_from is None and (plain := self._read_plain(document)):
            return plain
        return self._collect(self._opener.open_loaded(document, trail), converted_from)

    def _read_plain(self, document: Document) -> list[Reading] | None:
        """Return the post, if it is in our own form and needs no change.

        The long way would give the same; this is how most records are read, in a third of the time.
        """
        content, changes, may_be_deep = document
        has_others = not content.keys() <= POST_FIELDS
        if changes or may_be_deep or not self._choice.is_own(content, has_others=has_others):
            return None
        created_at = content.get("created_at")
        if created_at is not None and (type(created_at) is not str or created_at[4:5] != "-"):
            return None
        if content.get("text") == UNAVAILABLE:
            return None
        unknown = keep_unknown_fields(content := content.copy()) if has_others else None
        try:
            post = msgspec.convert(content, Post)
        except msgspec.ValidationError:
            return None
        if unknown and self._on_unknown is not None:
            self._on_unknown(unknown)
        return [ReadPost(post, _PLAIN)]

    def _collect(self, steps: Iterator[Step], converted_from: str | None) -> list[Reading]:
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
            case Unread(error, document):
                yield BadPost(error, orjson.dumps(document))
            case Withdrawn():
                post_id = self._find_id(step)
                yield Skipped(UNNAMED_DELETION) if post_id is None else Deletion(post_id)
            case Opened(document, trail):
                try:
                    for item in self._choice.read(document, trail, converted_from):
                        yield self._to_reading(item, step)
                except RecordError as error:
                    yield BadPost(error, _to_bytes(document))

    def _to_reading(self, read: ReadItem, step: Opened) -> Reading:
        item, name, trail = read.item, read.format, step.trail
        if isinstance(item, Deletion):
            return item if is_usable_id(item.id) else Skipped(UNNAMED_DELETION)
        if isinstance(item, Skipped):
            return item
        if isinstance(item, Unread):
            return BadPost(item.error, _to_bytes(item.document))
        try:
            post, changes = _make_post(item, trail)
        except RecordError as error:
            if name in (TOCSIN.name, MAPPING):
                return BadPost(error, _to_bytes(step.document if name == TOCSIN.name else _fields_of(item)))
            return BadPost(type(error)(f"{error} (read as {name})"), _to_bytes(_fields_of(item)))
        if read.unknown and self._on_unknown is not None:
            self._on_unknown(read.unknown)
        all_changes = list(dict.fromkeys((*trail.changes, *changes)))
        return ReadPost(post, ReadAs(format=name, envelopes=list(trail.envelopes), changes=all_changes))

    def _find_id(self, withdrawn: Withdrawn) -> str | None:
        """Return the id of the post that a row was; None if it was none, and is nothing to us."""
        try:
            [step] = self._opener.open_document(withdrawn.document, NOTHING_OPENED)
            post_id, _ = usable_id(self._choice.find_id(step.document if isinstance(step, Opened) else None))
        except (RecordError, ValueError):
            return None
        return post_id if is_usable_id(post_id) else None


def _after(before: ReadAs, trail: Trail) -> Trail:
    """Return the trail to a post that was read before, and converted to our own form."""
    envelopes, changes = tuple(before.envelopes), tuple(before.changes)
    return replace(trail, envelopes=trail.envelopes + envelopes, changes=trail.changes + changes)


def _load_object(value: bytes) -> Document | None:
    """Return the object that the bytes are; None if they are anything else, which the opener then explains."""
    if value[:1] != b"{":
        return None
    try:
        return load(value)
    except (ValueError, RecordError):
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


def _error_of_all(bad: Sequence[BadPost]) -> RecordError:
    """Return the error of a record in which nothing is a post."""
    if len(bad) == 1:
        return bad[0].error
    return type(bad[0].error)(f"none of {len(bad)} items is a post; the first: {bad[0].error}")


def _with_index(reading: Reading, index: int) -> Reading:
    return replace(reading, index=index) if isinstance(reading, (ReadPost, BadPost)) else reading
