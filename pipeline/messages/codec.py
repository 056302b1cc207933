"""Bytes to our own messages and back: orjson reads and writes, msgspec validates. `formats` reads posts of others.

JSON that two readers may read differently is refused: a key twice in an object, or a number beyond 64 bits. orjson
silently takes the last of two equal keys and rounds a large number. Another reader of the same bytes may not, and then
the post that was checked is not the post that is acted on.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec
import orjson

from pipeline.errors import InvalidMessageError, UndecodableError

# Deep enough for any metadata, and far below the depth at which encoders give up (orjson at 254): what is read here can
# be written again. Our own messages hold a post and are a little deeper.
MAX_POST_DEPTH = 32
MAX_DEPTH = MAX_POST_DEPTH + 8

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
# Longer numbers are too large in any case, and Python needs time quadratic in their digits.
_MAX_DIGITS = 20
_MAX_SHOWN = 40
# Possessive, so that no string makes the expression backtrack.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_JSON_BLANKS = " \t\r\n"
_BRACKET = re.compile(rb"[\[\]{}]")

_M = TypeVar("_M", bound=msgspec.Struct)


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as one line of JSON in UTF-8."""
    return orjson.dumps(msgspec.to_builtins(message))


def decode(value: bytes | None, message_type: type[_M], *, max_bytes: int) -> _M:
    """Return the validated message in `value`. Fields that the message does not define are dropped.

    Raises:
        UndecodableError: no value, more than `max_bytes`, not JSON, too deep, or ambiguous JSON.
        InvalidMessageError: JSON, but not a `message_type`; the text names the field.
    """
    if value is None:
        raise UndecodableError("the record has no value")
    # The size is checked before decoding, because the decoder has no limit.
    if len(value) > max_bytes:
        raise UndecodableError(f"{len(value)} bytes: at most {max_bytes} are taken")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UndecodableError(f"not JSON: {error}") from error
    _check_is_plain(value)
    try:
        return msgspec.convert(document, message_type)
    except msgspec.ValidationError as error:
        # The pattern of ids would not help a reader.
        problem = re.sub("matching regex '.*'", "without control and invisible characters", str(error))
        name = message_type.__name__
        raise InvalidMessageError(f"not {'an' if name[0] in 'AEIOU' else 'a'} {name}: {problem}") from error


def _check_is_plain(value: bytes) -> None:
    # The depth is checked first, because the next check recurses.
    if is_deeper(value, MAX_DEPTH):
        raise UndecodableError(f"nested more than {MAX_DEPTH} deep")
    try:
        check_is_unambiguous(value.decode())
    except ValueError as error:
        raise UndecodableError(str(error)) from error


def is_deeper(document: bytes, max_depth: int) -> bool:
    """Whether a well-formed JSON document nests arrays and objects more than `max_depth` deep.

    The bytes are read and not the decoded document: there a repeated key may have replaced the deep value.
    """
    if document.count(b"[") + document.count(b"{") <= max_depth:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", document)):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            return True
    return False


def check_is_unambiguous(text: str) -> None:
    """Return if every reader reads a well-formed JSON document alike.

    The document must not be deep (`is_deeper`): Python's decoder recurses, and its limit differs between versions.

    Raises:
        ValueError: the text says what is ambiguous.
    """
    # `decode` would look for what stands after the document, and costs a third more.
    _DECODER.raw_decode(text.lstrip(_JSON_BLANKS))


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:_MAX_SHOWN]!r} stands twice in an object")
    return members


def _to_int(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS or not _MIN_INT <= int(digits) <= _MAX_INT:
        raise ValueError(f"the number {digits[:_MAX_SHOWN]} is beyond 64 bits: write it as text")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_to_object, parse_int=_to_int)
