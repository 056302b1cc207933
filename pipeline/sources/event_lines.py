"""Server-sent events in a file, as `curl -N` saves the streaming API of Mastodon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from pipeline.sources.lines import Line, strip

_UNNAMED = (b"", b"message")


class EventLines:
    """Puts the lines of events together, after https://html.spec.whatwg.org/multipage/server-sent-events.html.

    A named event becomes `{"event": NAME, "payload": DATA}`, the form that the same API has over a WebSocket. Of an
    event without a name its data remain.
    """

    def __init__(self) -> None:
        self._name = b""
        self._data: list[bytes] = []
        self._number = 0  # of the line with which the data begin

    def take(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the events that these lines end, each with the number of the line on which its data begin."""
        for number, line in lines:
            content = strip(line)
            if not content:
                yield from self.end()
                continue
            field, _, value = content.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                self._name = value
            elif field == b"data":
                self._number = self._number if self._data else number
                self._data.append(value)

    def end(self) -> Iterator[Line]:
        """Yield the event whose lines were taken last, if it has data."""
        name, data = self._name, b"\n".join(self._data)
        self._name, self._data = b"", []
        if data and name in _UNNAMED:
            yield Line(self._number, data)
        elif data:
            event = {"event": name.decode(errors="replace"), "payload": data.decode(errors="replace")}
            yield Line(self._number, orjson.dumps(event))
