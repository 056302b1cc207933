"""Why a record is no post, in the words of the one who sent it: what its bytes are instead, or what its keys are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.formats.fields import kind_of
from pipeline.messages.headers import Header
from pipeline.printable import printable

# How other kinds of data begin.
COMPRESSIONS: Mapping[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x82SNAPPY\0": "snappy",
    b"\xff\x06\0\0sNaPpY": "snappy",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
}
_OTHERS: Mapping[bytes, str] = {
    b"Obj\x01": "an Avro container file",
    b"PAR1": "a Parquet file",
    b"\xac\xed\0\x05": "a serialized Java object",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
}
# UTF-32 comes first: its mark begins like that of UTF-16.
_MARKS: Mapping[bytes, str] = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_UTF_16 = re.compile(rb"(?:[\t-~]\0){2}|(?:\0[\t-~]){2}")
_UTF_32 = re.compile(rb"(?:[\t-~]\0\0\0){2}|(?:\0\0\0[\t-~]){2}")
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # but the escape of terminals, which logs hold
# Maps and lists of MessagePack and CBOR, with what usually follows: a short text as the first key.
_PACKED: Mapping[str, re.Pattern[bytes]] = {
    "MessagePack": re.compile(rb"(?:[\x80-\x9f]|[\xdc\xde]..|[\xdd\xdf]....)[\xa0-\xbf\xd9-\xdb]", re.DOTALL),
    "CBOR": re.compile(rb"(?:\xd9\xd9\xf7)?(?:[\xa0-\xbb]|\xbf)[\x60-\x7b]"),
}
_BINARY = "binary data, perhaps Avro or Protobuf without Schema Registry: tocsin reads JSON"
# Where newer serializers of Schema Registry put the schema's number, if they are told to.
_SCHEMA_IN_HEADER = "__value_schema_id"
_REGISTRY_BYTES = 5  # a zero, and the schema's number in four bytes
_SHOWN = 30
_MAX_KEYS = 10
_MAX_KEY = 40


def split_registry_record(value: bytes) -> tuple[int, bytes] | None:
    """Return the schema's number and what follows, if the bytes begin as serializers of Schema Registry write them."""
    if value[:1] != b"\0" or len(value) <= _REGISTRY_BYTES or _UTF_16.match(value) or _UTF_32.match(value):
        return None
    return int.from_bytes(value[1:_REGISTRY_BYTES]), value[_REGISTRY_BYTES:]


def starts_as_json(value: bytes) -> bool:
    """Whether the first byte that is not blank begins an object, a list or a text of JSON."""
    return value.lstrip()[:1] in (b"{", b"[", b'"')


def to_undecodable(value: bytes, error: ValueError) -> UndecodableError:
    """Return the error for bytes that are no JSON.

    Args:
        error: what the JSON decoder says.
    """
    if registry := split_registry_record(value):
        schema, value = registry
        # Numbers and lengths of Avro and Protobuf are often the bytes of blanks and quotes.
        if value[:1] not in (b"{", b"[") or _not_utf_8(value):
            return UndecodableError(
                f"a Schema Registry record in Avro or Protobuf (schema id {schema}): tocsin reads JSON; let the "
                "producer or a connector write JSON or JSON Schema"
            )
    return UndecodableError(_other_kind(value) or _broken_json(value) or f"not JSON: {error}")


def with_headers(error: UndecodableError, headers: Sequence[Header]) -> UndecodableError:
    """Return the error with what the sender itself says that the record is."""
    for name, value in headers:
        if name == _SCHEMA_IN_HEADER:
            return UndecodableError(f"{error} (its header {name} names a schema of Schema Registry)")
        if name.lower() == "content-type" and value and b"json" not in value.lower():
            shown = printable(value.decode(errors="replace"))
            return UndecodableError(f"{error} (its header content-type is {shown})")
    return error


def _other_kind(value: bytes) -> str | None:
    if not value.strip():
        return "the value is empty" if not value else "the value holds nothing but blanks"
    for start, name in COMPRESSIONS.items():
        if value.startswith(start):
            return (
                f"compressed with {name}: let the Kafka client compress (compression.type), not the program"
            )
    for start, name in _OTHERS.items():
        if value.startswith(start):
            return f"{name}: tocsin reads JSON"
    if encoding := _find_encoding(value):
        return f"not in UTF-8 but in {encoding}: write JSON in UTF-8"
    return _not_utf_8(value)


def _find_encoding(value: bytes) -> str | None:
    for mark, name in _MARKS.items():
        if value.startswith(mark):
            return name
    if _UTF_32.match(value):
        return "UTF-32"
    return "UTF-16" if _UTF_16.match(value) else None


def _not_utf_8(value: bytes) -> str | None:
    try:
        value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        byte, place = value[error.start], error.start
    else:
        return None
    for name, pattern in _PACKED.items():
        if pattern.match(value):
            return f"binary data, perhaps {name}: tocsin reads JSON"
    if not _CONTROL.search(value):
        problem = f"not in UTF-8: byte 0x{byte:02x} at {place}"
        return (
            problem
            if _is_broken(value)
            else f"{problem}; it may be Windows-1252 or ISO 8859-1: write JSON in UTF-8"
        )
    if int.from_bytes(value[:4], "little") == len(value):
        return "binary data, perhaps BSON: tocsin reads JSON"
    return _BINARY


def _is_broken(value: bytes) -> bool:
    """Whether bytes are no JSON even if each of them is taken for a character."""
    try:
        orjson.loads(value.decode("latin-1").encode())
    except orjson.JSONDecodeError:
        return True
    return False


def _broken_json(value: bytes) -> str | None:
    """Say what is wrong with bytes that are text."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        if starts_as_json(value) or value.startswith(b"\xef\xbb\xbf"):
            return _cut_or_doubled(str(error), len(value))
        if _CONTROL.search(value):
            return _BINARY
        text = value[: 8 * _SHOWN].decode("utf-8", "replace")
        return f"plain text, not JSON: it begins: {printable(text[: 2 * _SHOWN], max_characters=_SHOWN)}"
    return None


def _cut_or_doubled(problem: str, size: int) -> str | None:
    if "unexpected end of data" in problem:
        return f"JSON that is cut off after {size} bytes"
    if "after document" in problem:
        return f"several JSON documents in one record: write one a record, or a list ({problem})"
    return None


def to_unrecognised(document: Any, envelopes: tuple[str, ...] = ()) -> RecordError:
    """Return the error for a document that no format recognises.

    Args:
        envelopes: what was opened around it.
    """
    if isinstance(document, str):
        return UndecodableError("XML or HTML, but not a feed (RSS or Atom): tocsin reads JSON and feeds")
    where = f" (in {', '.join(envelopes)})" if envelopes else ""
    if not isinstance(document, dict):
        return InvalidMessageError(f"not a Post{where}: {kind_of(document)}, not an object")
    missing = [f"`{name}`" for name in ("id", "text") if name not in document]
    return InvalidMessageError(
        f"not a Post{where}: it has no {' and no '.join(missing)}; {keys_of(document)}. Name its format with "
        "TOCSIN_POST_FORMAT, or map it with TOCSIN_POST_MAPPING"
    )


def keys_of(document: Any) -> str:
    """Return the keys of an object, or what it is instead, as a part of a sentence."""
    if not isinstance(document, dict):
        return f"the document is {kind_of(document)}"
    if not document:
        return "the object is empty"
    shown = [f"`{printable(key, max_characters=_MAX_KEY)}`" for key in list(document)[:_MAX_KEYS]]
    num_more = len(document) - len(shown)
    return f"its keys are {', '.join(shown)}{f' and {num_more} more' if num_more else ''}"
