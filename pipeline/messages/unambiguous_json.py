"""JSON that every reader reads alike: no key twice in an object, no number beyond 64 bits.

orjson, which reads our messages, silently takes the last of two keys and rounds a large number; another reader of the
same bytes may not, and then the post that was checked is not the post that is acted on.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
# Longer ones are too large in any case, and Python takes time quadratic in the digits.
_MAX_DIGITS = 20
_MAX_SHOWN = 40
# Possessive, so that no string makes it look twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def is_deeper(document: bytes, max_depth: int) -> bool:
    """Whether the JSON document, which must be well formed, nests arrays and objects more than `max_depth` deep.

    Read from the bytes: of a decoded document, all that stands under the first of two equal keys is gone.
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
    """Return if the JSON document, which must be well formed and not deep, means one thing.

    "Not deep", for Python's decoder recurses: how far it may is another number in each version. See `is_deeper`.

    Raises:
        ValueError: what is ambiguous, in words.
    """
    _DECODER.decode(text)


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
