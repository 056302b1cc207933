"""Bytes to messages and back: orjson reads and writes, msgspec validates."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
import orjson

from pipeline.errors import InvalidMessageError, UndecodableError
from pipeline.messages.post import Post
from pipeline.messages.post_fields import OnUnknown, keep_unknown_fields
from pipeline.messages.unambiguous_json import check_is_unambiguous, is_deeper

# Enough for any metadata, and far from where encoders end their recursion (orjson's at 254): what is taken here can be
# written again. Our own messages hold a post and are a little deeper.
MAX_POST_DEPTH = 32
_MAX_DEPTH = MAX_POST_DEPTH + 8

_M = TypeVar("_M", bound=msgspec.Struct)


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as one line of JSON in UTF-8."""
    return orjson.dumps(msgspec.to_builtins(message))


def decode(
    value: bytes | None,
    message_type: type[_M],
    *,
    max_bytes: int,
    on_unknown: OnUnknown | None = None,
) -> _M:
    """Return the validated message in `value`; a post has in `metadata` what is no field of it.

    Args:
        on_unknown: told those fields of a good post, if there are any.

    Raises:
        UndecodableError: no bytes, more than `max_bytes`, no JSON, too deep, or JSON that readers may read differently.
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
    max_depth = MAX_POST_DEPTH if message_type is Post else _MAX_DEPTH
    _check_is_plain(value, max_depth)
    unknown = keep_unknown_fields(document) if message_type is Post else None
    # Moved into the metadata, they lie one deeper.
    if unknown and is_deeper(orjson.dumps(document), max_depth):
        raise UndecodableError(f"nested more than {max_depth} deep")
    try:
        message = msgspec.convert(document, message_type)
    except msgspec.ValidationError as error:
        # The pattern of ids says nothing to people.
        problem = re.sub("matching regex '.*'", "without control and invisible characters", str(error))
        raise InvalidMessageError(f"not a {message_type.__name__}: {problem}") from error
    if unknown and on_unknown is not None:
        on_unknown(unknown)
    return message


def _check_is_plain(value: bytes, max_depth: int) -> None:
    # The depth first: what comes after it may recurse.
    if is_deeper(value, max_depth):
        raise UndecodableError(f"nested more than {max_depth} deep")
    try:
        check_is_unambiguous(value.decode())
    except ValueError as error:
        raise UndecodableError(str(error)) from error
