from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from pipeline.messages.headers import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    TRACE_HEADERS,
    Header,
    header_names,
    pick_headers,
)

_TRACE: list[Header] = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", b"a=1"),
    ("tracestate", b"b=2"),
    ("baggage", b"user=1"),
]


def test_trace_headers_travel_and_others_by_name_alone() -> None:
    """A name that comes twice is kept twice, in order; a header without a value is one."""
    headers = [("source", b"x"), *_TRACE, ("other", b"y"), ("source", None), ("source", b"\xff")]
    assert pick_headers(headers) == _TRACE
    named = [("source", b"x"), ("source", None), ("source", b"\xff")]
    assert pick_headers(headers, header_names("source,region")) == [*_TRACE, *named]
    assert pick_headers(headers, header_names("tracestate")) == _TRACE


def test_names_are_taken_letter_by_letter() -> None:
    """As Kafka compares them."""
    assert pick_headers([("Source", b"x"), ("Traceparent", b"y")], ["source"]) == []


def test_a_flood_of_named_headers_costs_no_trace() -> None:
    """The first of them travel, and those of the trace as if they were alone."""
    flood: list[Header] = [("source", b"%d" % n) for n in range(10_000)]
    assert pick_headers([*flood, *_TRACE], ["source"]) == [*_TRACE, *flood[:MAX_HEADERS]]


def test_a_flood_of_trace_headers_costs_none_that_is_named() -> None:
    """The first of them travel."""
    flood: list[Header] = [("tracestate", b"%d" % n) for n in range(10_000)]
    source: list[Header] = [("source", b"x")]
    assert pick_headers([*flood, *source], ["source"]) == [*flood[:MAX_HEADERS], *source]


def test_a_header_too_large_is_left_out_whole() -> None:
    """A cut baggage would say something else; what comes after it and fits still travels."""
    huge = ("baggage", b"x" * MAX_HEADER_BYTES)
    assert pick_headers([huge, *_TRACE]) == _TRACE
    fitting = ("baggage", b"x" * (8 * 1024))
    assert pick_headers([fitting, *_TRACE]) == [fitting, *_TRACE]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*TRACE_HEADERS, "source", "\udcff"]), st.none() | st.binary(max_size=9_000)
        ),
        max_size=100,
    )
)
def test_what_travels_is_bounded_whatever_comes(headers: list[Header]) -> None:
    """At most twice the bound of a kind, and no header that the record does not have."""
    kept = pick_headers(headers, ["source", "\udcff"])
    assert len(kept) <= 2 * MAX_HEADERS
    assert sum(_sizes(kept)) <= 2 * MAX_HEADER_BYTES
    assert all(header in headers for header in kept)


def _sizes(headers: list[Header]) -> Iterator[int]:
    return (len(name.encode(errors="replace")) + len(value or b"") for name, value in headers)
