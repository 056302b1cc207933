"""Names of fields that are no field of a post, each told once.

Names come from strangers: of a long one only the beginning is kept and shown, and after a hundred no more are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.printable import printable

MAX_NAMES = 100
MAX_NAME_CHARACTERS = 60
_MAX_LISTED = 10

NOT_OF_A_POST = "fields that are none of a post's, kept in its metadata"


class UnknownFields:
    """The names seen so far; `tell` is called with each new one, and once with what says that there are too many."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._tell = tell
        self._names: dict[str, None] = {}  # a set that keeps its order
        self._is_full = False

    def note(self, names: Iterable[str]) -> None:
        """Keep and tell those that are new."""
        if self._is_full:
            return
        for name in names:
            start = name[: MAX_NAME_CHARACTERS + 1]
            if start in self._names:
                continue
            if len(self._names) == MAX_NAMES:
                self._is_full = True
                self._tell(f"more than {MAX_NAMES} names; no further one is told")
                return
            self._names[start] = None
            self._tell(_shown(start))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._names)

    def __str__(self) -> str:
        """Return the first ten names as people may see them, and how many more there are."""
        shown = [_shown(name) for name in list(self._names)[:_MAX_LISTED]]
        num_more = len(self._names) - len(shown)
        if num_more:
            shown.append(f"and {'more than ' if self._is_full else ''}{num_more} more")
        return ", ".join(shown)


def _shown(name: str) -> str:
    return printable(name, max_characters=MAX_NAME_CHARACTERS)
