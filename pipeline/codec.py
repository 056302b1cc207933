"""Bytes to messages and back: orjson reads and writes, msgspec validates."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import orjson

from pipeline.errors import InvalidMessageError, UndecodableError

_M = TypeVar("_M", bound=msgspec.Struct)


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as one line of JSON in UTF-8."""
    return orjson.dumps(msgspec.to_builtins(message))


def decode(value: bytes | None, message_type: type[_M], *, max_bytes: int) -> _M:
    """Return the validated message in `value`.

    Raises:
        UndecodableError: no bytes, more than `max_bytes`, or no JSON.
        InvalidMessageError: JSON, but not a `message_type`; the text names the place.
    """
    if value is None:
        raise UndecodableError("the record has no value")
    # The size is bounded before decoding: the decoder itself would take anything.
    if len(value) > max_bytes:
        raise UndecodableError(f"{len(value)} bytes: at most {max_bytes} are taken")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UndecodableError(f"not JSON: {error}") from error
    try:
        return msgspec.convert(document, message_type)
    except msgspec.ValidationError as error:
        raise InvalidMessageError(f"not a {message_type.__name__}: {error}") from error
