from __future__ import annotations

import pytest

from pipeline.sources.live.http.events import Event, EventReader
from pipeline.sources.live.http.lines import LineSplitter


def _read(stream: bytes, max_bytes: int = 1_000) -> list[Event]:
    return list(EventReader(max_bytes).read(LineSplitter(max_bytes).feed(stream)))


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"event: update\ndata: {}\n\n", [Event("update", b"{}")]),
        (b"data: a\ndata: b\n\n", [Event("message", b"a\nb")]),
        (b"data:a\n\n", [Event("message", b"a")]),  # the space after the colon may lack
        (b"data:  a\n\n", [Event("message", b" a")]),  # only one belongs to the field
        (b"data\n\n", [Event("message", b"")]),
        (b":)\n:thump\n\n", []),
        (b":thump\nevent: delete\ndata: 7\n\n:thump\n", [Event("delete", b"7")]),
        (b"event: update\n\ndata: a\n\n", [Event("message", b"a")]),  # a name without data is no event
        (b"id: 1\nretry: 5\nother: x\ndata: a\n\n", [Event("message", b"a")]),
        (b"event: update\r\ndata: a\r\n\r\n", [Event("update", b"a")]),
        (b"event: update\ndata: half", []),
        (b"event: update\ndata: whole line, half event\n", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[Event]) -> None:
    assert _read(stream) == events


def test_an_event_over_the_bound_has_no_data_and_costs_no_other() -> None:
    large = b"event: update\ndata: " + b"x" * 50 + b"\n\n"
    many = b"event: update\n" + b"data: 123456789\n" * 9 + b"\n"
    small = b"event: delete\ndata: 7\n\n"
    expected = [Event("update", None), Event("delete", b"7"), Event("update", None), Event("delete", b"7")]
    assert _read(large + small + many + small, max_bytes=40) == expected


def test_an_event_of_exactly_the_bound_is_whole() -> None:
    lines = [b"data: 1234", b"data: 56789", b""]
    assert list(EventReader(10).read(lines)) == [Event("message", b"1234\n56789")]
    assert list(EventReader(9).read(lines)) == [Event("message", None)]


def test_an_event_with_a_line_over_the_bound_is_not_taken_for_its_rest() -> None:
    assert list(EventReader(10).read([b"data: a", None, b"data: b", b""])) == [Event("message", None)]


def test_data_without_end_is_not_kept() -> None:
    reader = EventReader(100)
    for _ in range(1_000):
        assert list(reader.read([b"data: " + b"x" * 50])) == []
        assert sum(map(len, reader._data)) <= 100
