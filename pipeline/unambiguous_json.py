"""JSON that every reader reads alike: no key twice in an object, no number beyond 64 bits.

orjson, which reads our messages, silently takes the last of two keys and rounds a large number; another reader of the
same bytes may not, and then the post that was checked is not the post that is acted on.
"""

from __future__ import annotations

import json
from typing import Any

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
# Longer ones are too large in any case, and Python takes time quadratic in the digits.
_MAX_DIGITS = 20
_MAX_SHOWN = 40


def check_is_unambiguous(text: str) -> None:
    """Return if the JSON document, which must be well formed, means one thing.

    Raises:
        ValueError: what is ambiguous, in words.
    """
    try:
        _DECODER.decode(text)
    except RecursionError:
        # Whoever looks at the decoded document sees nothing of it where the same key stands once more.
        raise ValueError("nested deeper than Python's stack") from None


def is_deeper(document: Any, max_depth: int) -> bool:
    """Whether arrays and objects are nested more than `max_depth` deep; takes as long as the document is large."""
    level = [document]
    for _ in range(max_depth + 1):
        containers = [node for node in level if isinstance(node, (dict, list))]
        if not containers:
            return False
        level = [
            child for node in containers for child in (node.values() if isinstance(node, dict) else node)
        ]
    return True


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
