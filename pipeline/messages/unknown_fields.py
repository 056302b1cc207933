"""Fields that a post does not define: they are kept in its `metadata`, and each name is reported once.

Names come from strangers. Only the beginning of a long name is kept and shown, and at most 100 names are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from pipeline.messages.post import Post
from pipeline.printable import printable

POST_FIELDS = frozenset(field.name for field in msgspec.structs.fields(Post))

OnUnknown = Callable[[dict[str, Any]], None]  # called with the fields of one post that a post does not define

MAX_NAMES = 100
MAX_NAME_CHARACTERS = 60
_MAX_LISTED = 10

NOT_OF_A_POST = "fields that a post does not have, kept in its metadata"


def keep_unknown_fields(document: Any) -> dict[str, Any]:
    """Move what a post does not define into `document["metadata"]`, and return it. Names already there stay.

    Nothing is moved if `document` is not an object, or its `metadata` is neither an object nor null: then it is not a
    post.
    """
    if not isinstance(document, dict) or document.keys() <= POST_FIELDS:
        return {}
    metadata = document.get("metadata")
    if not (metadata is None or isinstance(metadata, dict)):
        return {}
    unknown = {name: value for name, value in document.items() if name not in POST_FIELDS}
    for name in unknown:
        del document[name]
    document["metadata"] = unknown | (metadata or {})
    return unknown


class UnknownFields:
    """The names seen so far. `report` is called with each new name, and once with a line that there are too many."""

    def __init__(self, report: Callable[[str], None] = lambda _: None) -> None:
        self._report = report
        self._names: dict[str, None] = {}  # a set that keeps its order
        self._is_full = False

    def note(self, names: Iterable[str]) -> None:
        """Keep and report the names that are new."""
        if self._is_full:
            return
        for name in names:
            start = name[: MAX_NAME_CHARACTERS + 1]
            if start in self._names:
                continue
            if len(self._names) == MAX_NAMES:
                self._is_full = True
                self._report(f"more than {MAX_NAMES} names; further names are not reported")
                return
            self._names[start] = None
            self._report(_shown(start))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._names)

    def __str__(self) -> str:
        """Return the first ten names, safe to print, and how many more there are."""
        shown = [_shown(name) for name in list(self._names)[:_MAX_LISTED]]
        num_more = len(self._names) - len(shown)
        if num_more:
            shown.append(f"and {'more than ' if self._is_full else ''}{num_more} more")
        return ", ".join(shown)


def _shown(name: str) -> str:
    return printable(name, max_characters=MAX_NAME_CHARACTERS)
