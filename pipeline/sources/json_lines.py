"""Posts from a file or pipe of JSON lines: `produce`, `demo` and `try` all read them here.

A line ends with a line feed, with or without a carriage return before it; the last line may lack its end. Blank lines
are skipped but counted. A byte order mark at the start of a line is dropped. A file of another form, a compressed one
for example, is refused before any line of it is used.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import RecordError, SettingsError
from pipeline.messages import Post
from pipeline.messages.codec import decode
from pipeline.messages.record import Outgoing
from pipeline.messages.unknown_fields import OnUnknown
from pipeline.settings import Settings
from pipeline.sources.produce import SourceItem

_STDIN = 0
_READ_BYTES = 65_536
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# How compressed files begin, the name of the compression, and the program that undoes it.
_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "zcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
    b"BZh": ("bzip2", "bzcat"),
    b"\xfd7zXZ\x00": ("xz", "xzcat"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """A line that is not blank, without the blanks around it, and its number in the file; the first is 1."""

    number: int
    content: bytes


def open_posts(file: str, *, is_raw: bool = False) -> FileIO:
    """Open a file of posts, or standard input (`-`).

    Args:
        is_raw: accept any file.

    Raises:
        SettingsError: the file cannot be read, or does not hold one JSON object a line.
    """
    if file == "-":
        return FileIO(_STDIN, closefd=False)
    try:
        # A file is checked before anything is started. A pipe is checked as it comes, since what is read of it is gone.
        if not is_raw and Path(file).is_file():
            with Path(file).open("rb", buffering=0) as stream:
                _check_form(_first_line(stream), file)
        return Path(file).open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(file, error) from error


def _first_line(stream: FileIO) -> bytes:
    """Return the beginning of the first line that is not blank."""
    lines = (stream.read(_READ_BYTES) or b"").split(b"\n")
    return next(filter(None, (_strip(line, is_raw=False) for line in lines)), b"")


async def read_post_lines(stream: FileIO, *, is_raw: bool = False) -> AsyncIterator[list[Line]]:
    """Yield the lines of a file or pipe as they come. Lines that are available at the same time come together.

    Args:
        is_raw: yield every line as it is, and accept a file of any form.

    Raises:
        SettingsError: the file cannot be read, or does not hold one JSON object a line.
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
    """Return all lines of a file; raises what `open_posts` and `read_post_lines` raise."""
    with open_posts(str(file)) as stream:
        return [line async for lines in read_post_lines(stream) for line in lines]


async def read_records(
    stream: FileIO, to_record: Callable[[bytes], Outgoing], *, is_raw: bool = False
) -> AsyncIterator[list[SourceItem]]:
    """Yield an item for each line of a file or pipe, in batches as `read_post_lines` yields them.

    Args:
        to_record: makes a record of a line, or raises a `RecordError`.
        is_raw: as in `read_post_lines`.

    Raises:
        SettingsError: the file cannot be read, or does not hold one JSON object a line.
    """
    async for lines in read_post_lines(stream, is_raw=is_raw):
        yield [to_item(line, to_record) for line in lines]


def to_item(line: Line, to_record: Callable[[bytes], Outgoing]) -> SourceItem:
    """Return the line's number, with its record or the error that `to_record` raises."""
    try:
        return SourceItem(line.number, to_record(line.content))
    except RecordError as error:
        return SourceItem(line.number, error)


def post_record(line: bytes, settings: Settings, on_unknown: OnUnknown | None = None) -> Outgoing:
    """Return the record for a line that holds a post.

    Args:
        on_unknown: called with the fields that a post does not have, if there are any.

    Raises:
        RecordError: the line holds no post.
    """
    post = decode(line, Post, max_bytes=settings.max_post_bytes, on_unknown=on_unknown)
    return Outgoing(settings.topic_posts, post.id.encode(), line)


def raw_record(line: bytes, settings: Settings, on_unknown: OnUnknown | None = None) -> Outgoing:
    """Return the record for a line, whatever it holds; the record has no key if the line holds no post."""
    try:
        return post_record(line, settings, on_unknown)
    except RecordError:
        return Outgoing(settings.topic_posts, None, line)


def _strip(content: bytes, *, is_raw: bool) -> bytes:
    # Every line may begin with a byte order mark, not only the first: two files may have been put together.
    return (content if is_raw else content.removeprefix(_BYTE_ORDER_MARK)).strip()


def _check_form(first: bytes, file: str) -> None:
    """Raise `SettingsError` if the first line shows that no line of the file can be a post."""
    if problem := _find_other_form(first):
        raise SettingsError([f"{file}: {problem}"])


def _find_other_form(first: bytes) -> str | None:
    for mark, (name, program) in _COMPRESSED.items():
        if first.startswith(mark):
            return f"compressed ({name}): expected plain text: {program} FILE | tocsin produce -"
    # JSON in UTF-8 never has a NUL; at the start of an object in UTF-16 every second byte is a NUL.
    if first.startswith(_UTF_16_MARKS) or b"\0" in first[:4]:
        return "not in UTF-8 but in UTF-16: iconv -f UTF-16 -t UTF-8 FILE"
    if first.startswith(b"["):
        return "a JSON array: expected one JSON object a line: jq -c '.[]' FILE"
    if first == b"{":
        return "a JSON object over several lines: expected one JSON object a line: jq -c . FILE"
    return None


async def split_lines(stream: FileIO) -> AsyncIterator[list[bytes]]:
    """Yield all lines of a stream as they come. Lines that are available at the same time come together."""
    pending = bytearray()
    while chunk := await _read(stream):
        pending += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            yield lines
    yield [bytes(pending)]


async def _read(stream: FileIO) -> bytes:
    """Return the bytes that can be read now, waiting for the first; empty at the end of the stream."""
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
        with suppress(RuntimeError):  # the loop is closed, and nothing waits for the bytes any more
            loop.call_soon_threadsafe(settle, chunk)

    # Not a thread of the loop's pool: after Ctrl-C the loop would wait for it, and a next line may never come.
    threading.Thread(target=read, daemon=True).start()
    return await result


def _name(stream: FileIO) -> str:
    return "standard input" if stream.name == _STDIN else str(stream.name)


def _unreadable(file: str, error: OSError) -> SettingsError:
    return SettingsError([f"{file}: cannot be read: {error.strerror}"])
