"""Server-sent events in a file."""

from collections.abc import Iterator

import orjson

from pipeline.sources.event_lines import EventLines
from pipeline.sources.lines import Line


def _take(text: bytes, *, at_once: bool = True) -> list[Line]:
    lines = [Line(n, content) for n, content in enumerate(text.split(b"\n"), 1)]
    events = EventLines()

    def take() -> Iterator[Line]:
        for batch in [lines] if at_once else [[line] for line in lines]:
            yield from events.take(batch)
        yield from events.end()

    return list(take())


_STREAM = b""":)
event: update
data: {"id":"1"}

:thump
event: delete
data: 42

id: 7
data: {"id":"2",
data: "text":"x"}

event: filters_changed

event: message
retry: 100
data:{"id":"3"}"""


def test_events_become_documents_with_the_numbers_of_their_lines() -> None:
    """Comments, ids and events without data are passed over; the last event may lack its end."""
    expected = [
        Line(3, orjson.dumps({"event": "update", "payload": '{"id":"1"}'})),
        Line(7, orjson.dumps({"event": "delete", "payload": "42"})),
        Line(10, b'{"id":"2",\n"text":"x"}'),
        Line(17, b'{"id":"3"}'),
    ]
    assert _take(_STREAM) == expected
    assert _take(_STREAM, at_once=False) == expected
    assert _take(_STREAM.replace(b"\n", b"\r\n")) == expected


def test_bytes_that_are_no_utf_8_end_no_stream() -> None:
    """They are replaced, as a browser does it."""
    [line] = _take(b"event: update\ndata: {\xff}\n\n")
    assert orjson.loads(line.content) == {"event": "update", "payload": "{\ufffd}"}
