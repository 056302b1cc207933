"""Server-sent events, read from the lines of a stream within a bound of memory.

Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6. The package `httpx-sse` (0.4.3)
reads the same, but keeps whatever a server sends until an event ends, decodes by the charset that the server names
(the standard says UTF-8), and takes a byte order mark as part of the first field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event.

    Attributes:
        name: as the field `event` says; "message" without it.
        data: the lines of the fields `data`, joined by line feeds; None if they are larger than the bound.
    """

    name: str
    data: bytes | None


class EventReader:
    """Puts lines together to events. An event whose end does not come is never given.

    Args:
        max_bytes: data of an event that is larger is given as None, and is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._begin()

    def _begin(self) -> None:
        self._name = b""
        self._data: list[bytes] = []
        self._num_bytes = 0
        self._has_data = False

    def read(self, lines: Iterable[bytes | None]) -> Iterator[Event]:
        """Yield the events that these lines end. None stands for a line that is too long."""
        for line in lines:
            if line is None:
                self._has_data, self._num_bytes = True, self._max_bytes + 1
            elif line:
                self._take(line)
            else:
                if self._has_data:
                    yield self._finish()
                self._begin()

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")  # a comment has no name
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value[:100]
        elif name == b"data":
            self._has_data = True
            self._num_bytes += len(value) + 1
            if self._num_bytes <= self._max_bytes + 1:
                self._data.append(value)
            else:
                self._data = []

    def _finish(self) -> Event:
        is_whole = self._num_bytes <= self._max_bytes + 1 and bool(self._data)
        name = self._name.decode("utf-8", "replace") or "message"
        return Event(name, b"\n".join(self._data) if is_whole else None)
