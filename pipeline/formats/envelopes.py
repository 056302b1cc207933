"""Opens what brokers' tools put around a post: Kafka Connect, Debezium, Schema Registry, CloudEvents, JSON in a text.

Each envelope is known by its own shape, so they are opened in any order and in each other, and said by name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.formats.document import BLANKS, Document, load, load_xml
from pipeline.formats.fields import kind_of
from pipeline.formats.format import Skipped, Unread
from pipeline.formats.networks.skipped import NOTHING, UNNAMED_DELETION
from pipeline.formats.reasons import split_registry_record, starts_as_json, to_undecodable
from pipeline.messages.headers import Header

SCHEMA_REGISTRY = "schema_registry"
KAFKA_CONNECT = "kafka_connect"
DEBEZIUM = "debezium"
CLOUDEVENTS = "cloudevents"
JSON_STRING = "json_string"
LIST = "list"
ENVELOPES = (SCHEMA_REGISTRY, KAFKA_CONNECT, DEBEZIUM, CLOUDEVENTS, JSON_STRING, LIST)

_MAX_ENVELOPES = 8
# What an envelope may hold beside a post: codes of `Skipped`.
TOMBSTONE = "tombstone"
TRUNCATION = "truncation"
LOG_MESSAGE = "log_message"
NO_DATA = "no_data"
SKIPPED_ENVELOPES = (TOMBSTONE, TRUNCATION, LOG_MESSAGE, NO_DATA)

_DELETED = "__deleted"
_BLANK_BYTES = BLANKS.encode()
_SPEC_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Trail:
    """What was opened on the way to a document, and changed there.

    Attributes:
        envelopes: names of `ENVELOPES`, from the outside.
        changes: codes of `fields.CHANGES`.
        may_be_deep: whether a post in it may be nested too deep.
    """

    envelopes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    may_be_deep: bool = False

    def opened(self, envelope: str) -> Trail:
        """Return the trail behind one more envelope.

        Raises:
            UndecodableError: there are too many in each other.
        """
        if len(self.envelopes) >= _MAX_ENVELOPES:
            raise UndecodableError(
                f"more than {_MAX_ENVELOPES} envelopes in each other: {', '.join(self.envelopes)}"
            )
        return replace(self, envelopes=(*self.envelopes, envelope))


NOTHING_OPENED = Trail()


@dataclass(frozen=True, slots=True)
class Opened:
    """What lies in all envelopes: an object, a list that a format takes as a whole, or the text of XML."""

    document: Any
    trail: Trail


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The row that a change event deletes, as it was."""

    document: Any
    trail: Trail


Step = Opened | Withdrawn | Unread | Skipped


class Opener:
    """Opens the envelopes of one record.

    Args:
        takes_lists: whether a list is one document, and not a list of posts.
    """

    def __init__(self, *, takes_lists: bool) -> None:
        self._takes_lists = takes_lists

    def open_document(self, document: Any, trail: Trail) -> Iterator[Step]:
        """Yield what lies in a document.

        Raises:
            RecordError: it cannot be opened.
        """
        match document:
            case dict():
                yield from self._open_object(document, trail)
            case list() if self._takes_lists:
                yield Opened(document, trail)
            case list():
                yield from self._open_list(document, trail)
            case str():
                yield from self._open_text(document, trail)
            case _:
                raise InvalidMessageError(f"not a Post: {kind_of(document)} in JSON, not an object")

    def open_bytes(self, value: bytes, trail: Trail) -> Iterator[Step]:
        """Yield what lies in a record's bytes; raises what `open_document` raises."""
        if trail.envelopes == (CLOUDEVENTS,) and value.strip() in (b"", b"null"):
            yield Skipped(NO_DATA)
            return
        try:
            if value.lstrip(_BLANK_BYTES)[:1] == b"<":
                yield Opened(load_xml(value), trail)
            elif registry := split_registry_record(value):
                yield from self.open_loaded(load(registry[1]), trail.opened(SCHEMA_REGISTRY))
            else:
                yield from self.open_loaded(load(value), trail)
        except ValueError as error:
            raise to_undecodable(value, error) from error

    def open_loaded(self, document: Document, trail: Trail) -> Iterator[Step]:
        """Yield what lies in bytes that are decoded already; raises what `open_document` raises."""
        content, changes, may_be_deep = document
        if changes or may_be_deep:
            trail = Trail(trail.envelopes, trail.changes + changes, trail.may_be_deep or may_be_deep)
        return self.open_document(content, trail)

    def _open_text(self, text: str, trail: Trail) -> Iterator[Step]:
        content = text.strip(BLANKS)
        if content[:1] == "<":
            yield Opened(content, trail.opened(JSON_STRING))
        elif starts_as_json(content.encode("utf-8", "surrogatepass")):
            yield from self.open_bytes(content.encode("utf-8", "surrogatepass"), trail.opened(JSON_STRING))
        else:
            raise InvalidMessageError("not a Post: a JSON text that holds no JSON, not an object")

    def _open_list(self, items: list[Any], trail: Trail) -> Iterator[Step]:
        trail = trail.opened(LIST)
        if not items:
            yield Skipped(NOTHING)
        for item in items:
            try:
                yield from self.open_document(item, trail)
            except RecordError as error:
                yield Unread(error, item)

    def _open_object(self, document: dict[str, Any], trail: Trail) -> Iterator[Step]:
        if document.keys() == {"schema", "payload"}:
            yield from self._open_connect(document["payload"], trail.opened(KAFKA_CONNECT))
        elif _is_change_event(document):
            yield from self._open_change(document, trail.opened(DEBEZIUM))
        elif _is_deleted_row(document):
            row = {name: value for name, value in document.items() if name != _DELETED}
            yield Withdrawn(row, trail.opened(DEBEZIUM))
        elif _is_cloud_event(document):
            yield from self._open_event(document, trail.opened(CLOUDEVENTS))
        else:
            yield Opened(document, trail)

    def _open_connect(self, payload: Any, trail: Trail) -> Iterator[Step]:
        if payload is None:
            yield Skipped(TOMBSTONE)
        else:
            yield from self.open_document(payload, trail)

    def _open_change(self, document: dict[str, Any], trail: Trail) -> Iterator[Step]:
        operation = document["op"]
        if operation in ("t", "m"):
            yield Skipped(TRUNCATION if operation == "t" else LOG_MESSAGE)
        elif operation == "d":
            before = document.get("before")
            yield Skipped(UNNAMED_DELETION) if before is None else Withdrawn(before, trail)
        elif document.get("after") is not None:
            yield from self.open_document(document["after"], trail)
        else:  # an update of MongoDB that tells only what it changed
            yield Skipped(NO_DATA)

    def _open_event(self, event: dict[str, Any], trail: Trail) -> Iterator[Step]:
        if event.get("data") is not None:
            yield from self.open_document(event["data"], trail)
        elif event.get("data_base64") is not None:
            try:
                value = base64.b64decode(event["data_base64"], validate=True)
            except (ValueError, TypeError) as error:
                raise InvalidMessageError("a CloudEvents record whose `data_base64` is not Base64") from error
            yield from self.open_bytes(value, trail)
        else:
            yield Skipped(NO_DATA)


def is_envelope(document: dict[str, Any]) -> bool:
    """Whether an object is an envelope, and no post."""
    return (
        document.keys() == {"schema", "payload"}
        or _is_change_event(document)
        or _is_deleted_row(document)
        or _is_cloud_event(document)
    )


def trail_of(headers: Sequence[Header]) -> Trail:
    """Return the trail that begins with a record's headers: CloudEvents in its binary form has its attributes there."""
    if not headers:
        return NOTHING_OPENED
    is_event = any(name.lower() == "ce_specversion" for name, _ in headers)
    return NOTHING_OPENED.opened(CLOUDEVENTS) if is_event else NOTHING_OPENED


def _is_deleted_row(document: dict[str, Any]) -> bool:
    # Debezium's rows without the envelope, if it is set to keep deletions.
    return _DELETED in document and str(document[_DELETED]).lower() == "true"


def _is_change_event(document: dict[str, Any]) -> bool:
    operation = document.get("op")
    if not isinstance(operation, str):
        return False
    if "after" in document and "before" in document:
        return True
    # MongoDB's events may lack `before`, and those that tell of no row have neither.
    is_of_debezium = isinstance(document.get("source"), dict) and "ts_ms" in document
    return is_of_debezium and ("after" in document or "before" in document or operation in ("d", "t", "m"))


def _is_cloud_event(document: dict[str, Any]) -> bool:
    version = document.get("specversion")
    return (
        isinstance(version, str)
        and _SPEC_VERSION.fullmatch(version) is not None
        and all(isinstance(document.get(name), str) for name in ("id", "source", "type"))
        # A post in our own form may have these fields too, but no data.
        and ("data" in document or "data_base64" in document or "text" not in document)
    )
