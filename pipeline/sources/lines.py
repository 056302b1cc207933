"""The lines of a file or pipe, as they come.

A line ends with a line feed, with or without a carriage return before it; the last line may lack its end.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from io import FileIO
from typing import NamedTuple

from pipeline.errors import SettingsError

STDIN = 0
READ_BYTES = 65_536
# The largest document that is held in memory, be it a line or a whole file. Reading one takes about 15 times its size.
MAX_DOCUMENT_BYTES = 64 * 2**20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Before the JSON of each file in an archive that X makes for its users: `window.YTD.tweets.part0 = [`.
_ASSIGNMENT = re.compile(rb"window\.YTD\.\w{1,40}\.part[0-9]{1,4} ?= ?(?=\[)")


class Line(NamedTuple):
    """A line and its number in the file; the first is 1."""

    number: int
    content: bytes


def strip(content: bytes, *, is_raw: bool = False) -> bytes:
    """Return a line without the blanks around it and, unless `is_raw`, without what is no JSON before its JSON.

    That is a byte order mark, or the assignment of an archive of X. Every line may begin with one, not only the first:
    two files may have been put together.
    """
    if is_raw:
        return content.strip()
    stripped = content.removeprefix(_BYTE_ORDER_MARK).strip()
    found = _ASSIGNMENT.match(stripped)
    return stripped[found.end() :] if found else stripped


async def read_lines(stream: FileIO) -> AsyncIterator[list[Line]]:
    """Yield all lines of a stream, as they are, as they come. Lines that are available at the same time come together.

    Raises:
        SettingsError: the stream cannot be read, or a line is too long.
    """
    number, pending = 1, bytearray()
    while chunk := await _read(stream):
        pending += chunk
        if len(pending) > MAX_DOCUMENT_BYTES:
            raise too_large(name_of(stream), "a line")
        if b"\n" in chunk:
            *contents, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            yield [Line(n, content) for n, content in enumerate(contents, number)]
            number += len(contents)
    yield [Line(number, bytes(pending))]


async def _read(stream: FileIO) -> bytes:
    """Return the bytes that can be read now, waiting for the first; empty at the end of the stream."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bytes] = loop.create_future()

    def settle(chunk: bytes | OSError) -> None:
        if result.cancelled():
            return
        if isinstance(chunk, OSError):
            result.set_exception(unreadable(name_of(stream), chunk))
        else:
            result.set_result(chunk)

    def read() -> None:
        chunk: bytes | OSError
        try:
            chunk = stream.read(READ_BYTES) or b""
        except OSError as error:
            chunk = error
        with suppress(RuntimeError):  # the loop is closed, and nothing waits for the bytes any more
            loop.call_soon_threadsafe(settle, chunk)

    # Not a thread of the loop's pool: after Ctrl-C the loop would wait for it, and a next line may never come.
    threading.Thread(target=read, daemon=True).start()
    return await result


def name_of(stream: FileIO) -> str:
    """Return the name of a file, for people."""
    return "standard input" if stream.name == STDIN else str(stream.name)


def unreadable(file: str, error: OSError) -> SettingsError:
    """Return the error of a file that cannot be read."""
    return SettingsError([f"{file}: cannot be read: {error.strerror}"])


def too_large(file: str, what: str) -> SettingsError:
    """Return the error of a document that is too large to be held in memory."""
    limit = f"{MAX_DOCUMENT_BYTES // 2**20} MiB"
    return SettingsError(
        [
            f"{file}: {what} of more than {limit}: expected one JSON object a line: jq -c '.[]' FILE for an array"
        ]
    )
