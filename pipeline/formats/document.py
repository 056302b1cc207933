"""A record's bytes as a JSON document, and what had to be changed in it.

What a careful reader refuses and usual producers write all the same is taken if nothing is ambiguous about it: halves
of surrogate pairs, numbers beyond 64 bits, NaN, a byte order mark. A key that stands twice in an object is refused.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from pipeline.errors import UndecodableError
from pipeline.messages.codec import MAX_DEPTH, MAX_POST_DEPTH, check_is_unambiguous, is_deeper

LONE_SURROGATE = "lone_surrogate"  # became U+FFFD
HUGE_NUMBER = "huge_number"  # became text
NOT_A_NUMBER = "not_a_number"  # NaN and Infinity became null
BYTE_ORDER_MARK = "byte_order_mark"  # dropped
DOCUMENT_CHANGES = (LONE_SURROGATE, HUGE_NUMBER, NOT_A_NUMBER, BYTE_ORDER_MARK)

# The fields of a post may come to lie two levels deeper in its metadata. Below this depth none can be too deep.
_HARMLESS_DEPTH = MAX_POST_DEPTH - 4
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_DIGITS = 20
_MAX_SHOWN = 40
# A half of a surrogate pair, as it is or as an escape.
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
BLANKS = " \t\r\n\ufeff"
_XML_ENCODING = re.compile(rb"<\?xml[^>]{1,100}?encoding=[\"']([\w.-]{1,40})[\"']")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class HugeNumber(str):
    """A number beyond 64 bits or beyond floats, as it is written. It is exact, but other readers may round it."""

    __slots__ = ()


# A JSON document, the codes of `DOCUMENT_CHANGES`, and whether a post in it may be nested too deep.
Document = tuple[Any, tuple[str, ...], bool]


def load(value: bytes) -> Document:
    """Return the document.

    Raises:
        UndecodableError: too deep, or a key stands twice in an object.
        ValueError: not JSON in UTF-8.
    """
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError:
        return _load_leniently(value)
    may_be_deep = _check_depth(value)
    try:
        check_is_unambiguous(value.decode())
    except ValueError:
        return _load_leniently(value)
    return content, (), may_be_deep


def load_xml(value: bytes) -> str:
    """Return the text of an XML document, in UTF-8 or in the encoding that it declares.

    Raises:
        ValueError: it is in neither.
    """
    try:
        return value.decode().strip(BLANKS)
    except UnicodeDecodeError as error:
        declared = _XML_ENCODING.match(value)
        if declared is None:
            raise
        try:
            return value.decode(declared[1].decode()).strip(BLANKS)
        except LookupError:
            raise error from None


def made_plain(content: Any, *, keeps_huge: bool = False) -> Any:
    """Return the content with every text whole, and huge numbers as texts.

    Args:
        keeps_huge: leave huge numbers as they are.

    Raises:
        UndecodableError: two keys of an object differ in halves of surrogate pairs alone.
    """
    if isinstance(content, HugeNumber) and keeps_huge:
        return content
    if isinstance(content, str):
        return _whole(str(content))
    if isinstance(content, list):
        return [made_plain(item, keeps_huge=keeps_huge) for item in content]
    if isinstance(content, dict):
        return _to_object(
            [(_whole(name), made_plain(item, keeps_huge=keeps_huge)) for name, item in content.items()]
        )
    return content


def _whole(text: str) -> str:
    """Return the text with U+FFFD for each half of a surrogate pair; two halves that belong together are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _check_depth(value: bytes) -> bool:
    # The depth is checked first, because what follows recurses.
    if not is_deeper(value, _HARMLESS_DEPTH):
        return False
    if is_deeper(value, MAX_DEPTH):
        raise UndecodableError(f"nested more than {MAX_POST_DEPTH} deep")
    return True


def _load_leniently(value: bytes) -> Document:
    changes: dict[str, None] = {}
    if value.startswith(_BYTE_ORDER_MARK):
        value = value.removeprefix(_BYTE_ORDER_MARK)
        changes[BYTE_ORDER_MARK] = None
    # Some encoders write the halves of a pair each as UTF-8.
    text = value.decode("utf-8", "surrogatepass")
    may_be_deep = _check_depth(value)
    try:
        content = _decoder(changes).decode(text)
    except RecursionError as error:
        raise UndecodableError(f"nested more than {MAX_POST_DEPTH} deep") from error
    if _SURROGATE.search(text):
        whole = made_plain(content, keeps_huge=True)
        changes |= {LONE_SURROGATE: None} if whole != content else {}
        content = whole
    return content, tuple(changes), may_be_deep


def _decoder(changes: dict[str, None]) -> json.JSONDecoder:
    """Return a decoder that notes what it changes."""

    def note(code: str, value: Any) -> Any:
        changes[code] = None
        return value

    def to_int(digits: str) -> Any:
        is_small = len(digits.lstrip("-")) <= _MAX_DIGITS and _MIN_INT <= int(digits) <= _MAX_INT
        return int(digits) if is_small else note(HUGE_NUMBER, HugeNumber(digits))

    def to_float(digits: str) -> Any:
        number = float(digits)
        return number if math.isfinite(number) else note(HUGE_NUMBER, HugeNumber(digits))

    return json.JSONDecoder(
        object_pairs_hook=_to_object,
        parse_int=to_int,
        parse_float=to_float,
        parse_constant=lambda _: note(NOT_A_NUMBER, None),
    )


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise UndecodableError(f"the key {name[:_MAX_SHOWN]!r} stands twice in an object")
        members[name] = value
    return members
