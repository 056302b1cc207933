"""Which headers of a post's record travel on to its outcome: those of traces, and those that a setting names.

Each kind has its own bound. So many other headers cannot displace a trace, and headers cannot make an outcome too
large.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

Header = tuple[str, bytes | None]

# On a record that holds a post in our own form: the name of the format that it was read from. Unlike all other headers
# whose names begin so, it belongs to the record and not to its way through the agents.
FORMAT = "tocsin-format"

# W3C Trace Context and Baggage, in lower case as their Kafka instrumentation writes them.
TRACE_HEADERS = frozenset({"traceparent", "tracestate", "baggage"})

MAX_HEADERS = 32  # limit of each kind
MAX_HEADER_BYTES = 16 * 2**10  # limit of each kind, names and values together; a whole baggage may have 8 KiB


def pick_headers(headers: Collection[Header], named: Collection[str] = ()) -> list[Header]:
    """Return the trace headers and then those of the names in `named`, each kind in its order.

    A name that comes several times is kept as often. A header beyond `MAX_HEADERS` or `MAX_HEADER_BYTES` is left out as
    a whole.
    """
    if not headers:  # most posts have none
        return []
    others = frozenset(named) - TRACE_HEADERS
    return [
        *_bounded(header for header in headers if header[0] in TRACE_HEADERS),
        *_bounded(header for header in headers if header[0] in others),
    ]


def header_names(setting: str | None) -> frozenset[str]:
    """Return the names in the setting `TOCSIN_CARRY_HEADERS`."""
    return frozenset(filter(None, (setting or "").split(",")))


def _bounded(headers: Iterable[Header]) -> Iterator[Header]:
    num_left, bytes_left = MAX_HEADERS, MAX_HEADER_BYTES
    for name, value in headers:
        size = len(name.encode(errors="replace")) + len(value or b"")
        if num_left and size <= bytes_left:
            num_left, bytes_left = num_left - 1, bytes_left - size
            yield name, value
