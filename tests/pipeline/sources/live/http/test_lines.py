from __future__ import annotations

import random

import pytest

from pipeline.sources.live.http.lines import LineSplitter


def _split(*pieces: bytes, max_bytes: int = 100) -> list[bytes | None]:
    splitter = LineSplitter(max_bytes)
    return [line for piece in pieces for line in splitter.feed(piece)]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a\r\nb\rc\n"], [b"a", b"b", b"c"]),
        ([b"a\r", b"\nb\n"], [b"a", b"b"]),  # one line end in two pieces
        ([b"a\r", b"b\n"], [b"a", b"b"]),
        ([b"a\r", b"", b"\n\n"], [b"a", b""]),
        ([b"\n\n"], [b"", b""]),
        ([b"hal", b"f", b" a line\nand"], [b"half a line"]),  # the half line at the end is never given
        (
            [b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"],
            [b"a", b"\xef\xbb\xbfb"],
        ),  # a byte order mark only begins a stream
        ([b"\xef\xbb", b"\xbfa\n"], [b"a"]),
        (["caf\u00e9\u2028\x0b\x1c\n".encode()], ["caf\u00e9\u2028\x0b\x1c".encode()]),  # these end no line
    ],
)
def test_lines_end_as_in_the_standard(pieces: list[bytes], lines: list[bytes]) -> None:
    assert _split(*pieces) == lines


def test_pieces_of_any_size_give_the_same_lines() -> None:
    text = b"one\r\n\r\ntwo\rthree\n\nfour\r\r\nfive\n"
    whole = _split(text)
    chooser = random.Random(5)
    for _ in range(200):
        cuts = sorted(chooser.sample(range(len(text)), 6))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert _split(*pieces) == whole


def test_a_line_over_the_bound_is_given_as_none_and_costs_no_other() -> None:
    assert _split(b"x" * 8, b"x" * 8, b"\nshort\n", max_bytes=10) == [None, b"short"]
    assert _split(b"a\n" + b"x" * 11 + b"\nb\n", max_bytes=10) == [b"a", None, b"b"]


def test_a_line_without_end_is_not_kept() -> None:
    splitter = LineSplitter(1_000)
    for _ in range(100):
        splitter.feed(b"x" * 500)
        assert sum(map(len, splitter._pending)) <= 1_000
    assert splitter.feed(b"\nnext\n") == [None, b"next"]
