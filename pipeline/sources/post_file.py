"""A file or pipe of posts in any form: `produce`, `demo` and `try` all read them here.

Lines of JSON are read as they come; blank lines are skipped but counted, and a byte order mark at the start of a line
is dropped. Server-sent events are read as they come too. A JSON document over several lines and an XML document are
read whole. A file of another form, a compressed one for example, is refused before any line of it is used.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from io import FileIO
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple, Self

import orjson

from pipeline.errors import SettingsError
from pipeline.sources.event_lines import EventLines
from pipeline.sources.file_form import Form, find_form, find_refusal
from pipeline.sources.lines import (
    MAX_DOCUMENT_BYTES,
    READ_BYTES,
    STDIN,
    Line,
    name_of,
    read_lines,
    strip,
    too_large,
    unreadable,
)


class Document(NamedTuple):
    """A JSON or XML document in a file.

    Attributes:
        number: that of its line; the first is 1.
        is_file: whether the file holds nothing else. Then its posts are numbered and not its lines.
    """

    number: int
    content: bytes
    is_file: bool = False


class PostFile:
    """A file or pipe of posts, open; a context manager.

    Args:
        form: None: not known yet.
        is_raw: every line is a document, whatever it holds.
    """

    def __init__(self, stream: FileIO, *, form: Form | None = None, is_raw: bool = False) -> None:
        self._stream = stream
        self._form = form
        self._is_raw = is_raw

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    @property
    def unit(self) -> str:
        """What the numbers of posts in this file count: lines, or items if it is one document or a pipe of any form."""
        return "line" if self._is_raw or self._form in (Form.LINES, Form.EVENTS) else "item"

    async def documents(self) -> AsyncIterator[list[Document]]:
        """Yield the documents as they come. Those that are available at the same time come together.

        Raises:
            SettingsError: the file cannot be read, is of a form that is refused, or is too large for its form.
        """
        batches = read_lines(self._stream)
        if self._is_raw:
            async for lines in batches:
                yield _stripped(lines, is_raw=True)
            return
        pending: list[Line] = []
        async for lines in batches:
            pending += lines if pending else dropwhile(_is_blank, lines)
            if self._knows_form(pending):
                break
        self._knows_form(pending, is_end=True)
        async for documents in self._documents(pending, batches):
            yield documents

    def _knows_form(self, lines: list[Line], *, is_end: bool = False) -> bool:
        if self._form is None:
            contents = [line.content for line in lines]
            self._form = _find_form(contents, name_of(self._stream), is_end=is_end)
        return self._form is not None

    async def _documents(
        self, pending: list[Line], batches: AsyncIterator[list[Line]]
    ) -> AsyncIterator[list[Document]]:
        if self._form is Form.DOCUMENT:
            yield [await self._read_whole(pending, batches)]
            return
        events = EventLines()
        is_events = self._form is Form.EVENTS
        yield _stripped(events.take(pending) if is_events else pending)
        async for lines in batches:
            yield _stripped(events.take(lines) if is_events else lines)
        yield _stripped(events.end())

    async def _read_whole(self, pending: list[Line], batches: AsyncIterator[list[Line]]) -> Document:
        content = bytearray(b"\n".join(line.content for line in pending))
        async for lines in batches:
            for line in lines:
                content += b"\n" + line.content
            if len(content) > MAX_DOCUMENT_BYTES:
                raise too_large(name_of(self._stream), "a document")
        whole = strip(bytes(content))
        _check_is_one_document(whole, name_of(self._stream))
        return Document(1, whole, is_file=True)


def open_posts(file: str, *, is_raw: bool = False) -> PostFile:
    """Open a file of posts, or standard input (`-`).

    Args:
        is_raw: accept any file, and take each of its lines as it is.

    Raises:
        SettingsError: the file cannot be read, is of a form that is refused, or is too large for its form.
    """
    if file == "-":
        return PostFile(FileIO(STDIN, closefd=False), is_raw=is_raw)
    path, form = Path(file), None
    try:
        # A file is checked before anything is started. A pipe is checked as it comes, since what is read of it is gone.
        if not is_raw and path.is_file():
            with path.open("rb", buffering=0) as stream:
                start = stream.read(READ_BYTES) or b""
            form = _find_form(start.split(b"\n"), file, is_end=path.stat().st_size <= len(start))
            if form is Form.DOCUMENT:
                _check_document_file(path)
        return PostFile(path.open("rb", buffering=0), form=form, is_raw=is_raw)
    except OSError as error:
        raise unreadable(file, error) from error


async def read_all_documents(file: Path) -> list[Document]:
    """Return all documents of a file; raises what `open_posts` and `PostFile.documents` raise."""
    with open_posts(str(file)) as posts:
        return [document async for documents in posts.documents() for document in documents]


def _find_form(contents: list[bytes], file: str, *, is_end: bool) -> Form | None:
    """Return the form of a file that begins with these lines, of which the last may go on; None: not known yet."""
    lines = [line for line in map(strip, contents) if line]
    if lines and (problem := find_refusal(lines[0])):
        raise SettingsError([f"{file}: {problem}"])
    return find_form(lines, is_end=is_end)


def _check_document_file(path: Path) -> None:
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise too_large(str(path), "a document")
    _check_is_one_document(strip(path.read_bytes()), str(path))


def _check_is_one_document(content: bytes, file: str) -> None:
    if content.startswith(b"<"):
        return
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            json.loads(content)  # this one takes NaN and halves of surrogate pairs, and a post may hold them
        except (ValueError, RecursionError) as error:
            raise SettingsError(
                [f"{file}: a JSON document over several lines that cannot be read ({error}): jq -c . FILE"]
            ) from error


def _is_blank(line: Line) -> bool:
    return not strip(line.content)


def _stripped(lines: Iterable[Line], *, is_raw: bool = False) -> list[Document]:
    documents = (Document(line.number, strip(line.content, is_raw=is_raw)) for line in lines)
    return [document for document in documents if document.content]
