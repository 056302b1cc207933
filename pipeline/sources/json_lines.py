"""Lines of posts from a file or pipe: the one place that reads them, for `produce`, `demo` and `try` alike.

A line ends with a line feed, with or without a carriage return before it; the last one needs no end. Blank lines are
nothing but keep their numbers, and a byte order mark before a line is dropped. A file of another form is refused in
words before anything of it is used.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import SettingsError

_STDIN = 0
_READ_BYTES = 65_536
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# How files begin that hold posts in another form, and what to do with them.
_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "zcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
    b"BZh": ("bzip2", "bzcat"),
    b"\xfd7zXZ\x00": ("xz", "xzcat"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """A line that is not blank, without the blanks around it."""

    number: int  # in the file; the first is 1
    content: bytes


def open_posts(file: str) -> FileIO:
    """Open a file of posts, or standard input (`-`).

    Raises:
        SettingsError: it cannot be read.
    """
    if file == "-":
        return FileIO(_STDIN, closefd=False)
    try:
        return Path(file).open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(file, error) from error


async def read_post_lines(stream: FileIO, *, is_raw: bool = False) -> AsyncIterator[list[Line]]:
    """Yield the lines of a file or pipe as they come, those that are there at once together.

    Args:
        is_raw: give every line as it is, whatever the file may be.

    Raises:
        SettingsError: it cannot be read, or holds posts in another form than one JSON object a line.
    """
    num_lines, is_checked = 0, is_raw
    async for contents in split_lines(stream):
        numbered = enumerate(contents, num_lines + 1)
        num_lines += len(contents)
        stripped = (Line(number, _strip(content, is_raw=is_raw)) for number, content in numbered)
        lines = [line for line in stripped if line.content]
        if lines and not is_checked:
            _check_form(lines[0].content, _name(stream))
            is_checked = True
        yield lines


async def read_all_post_lines(file: Path) -> list[Line]:
    """Return all lines of a file; raises as the two functions above."""
    with open_posts(str(file)) as stream:
        return [line async for lines in read_post_lines(stream) for line in lines]


def _strip(content: bytes, *, is_raw: bool) -> bytes:
    # Also within a file: somebody put two together.
    return (content if is_raw else content.removeprefix(_BYTE_ORDER_MARK)).strip()


def _check_form(first: bytes, file: str) -> None:
    """Refuse a file whose first line tells that no line of it can be a post."""
    if problem := _find_other_form(first):
        raise SettingsError([f"{file}: {problem}"])


def _find_other_form(first: bytes) -> str | None:
    for mark, (name, program) in _COMPRESSED.items():
        if first.startswith(mark):
            return f"compressed ({name}): expected plain text: {program} FILE | tocsin produce -"
    # No JSON in UTF-8 has a NUL, and in UTF-16 every second byte of what begins an object is one.
    if first.startswith(_UTF_16_MARKS) or b"\0" in first[:4]:
        return "not in UTF-8 but in UTF-16: iconv -f UTF-16 -t UTF-8 FILE"
    if first.startswith(b"["):
        return "a JSON array: expected one JSON object a line: jq -c '.[]' FILE"
    if first == b"{":
        return "a JSON object over several lines: expected one JSON object a line: jq -c . FILE"
    return None


async def split_lines(stream: FileIO) -> AsyncIterator[list[bytes]]:
    """Yield the lines of a stream, blank ones too, as they come, those that are there at once together."""
    pending = bytearray()
    while chunk := await _read(stream):
        pending += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            yield lines
    yield [bytes(pending)]


async def _read(stream: FileIO) -> bytes:
    """Return what can be read now, and wait where that is nothing; empty at the end."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bytes] = loop.create_future()

    def settle(chunk: bytes | OSError) -> None:
        if result.cancelled():
            return
        if isinstance(chunk, OSError):
            result.set_exception(_unreadable(_name(stream), chunk))
        else:
            result.set_result(chunk)

    def read() -> None:
        chunk: bytes | OSError
        try:
            chunk = stream.read(_READ_BYTES) or b""
        except OSError as error:
            chunk = error
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(settle, chunk)

    # Not a thread of the loop's pool: Ctrl-C would wait for it, and it for a line that may never come.
    threading.Thread(target=read, daemon=True).start()
    return await result


def _name(stream: FileIO) -> str:
    return "standard input" if stream.name == _STDIN else str(stream.name)


def _unreadable(file: str, error: OSError) -> SettingsError:
    return SettingsError([f"{file}: cannot be read: {error.strerror}"])
