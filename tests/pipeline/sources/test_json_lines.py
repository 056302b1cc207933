import asyncio
import codecs
import gzip
import json
import os
import tempfile
from functools import partial
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError, SettingsError
from pipeline.settings import Settings
from pipeline.sources.json_lines import (
    Line,
    open_posts,
    post_record,
    raw_record,
    read_all_post_lines,
    read_post_lines,
    read_records,
    split_lines,
)

_POST = b'{"id": "1", "text": "x"}'
_SETTINGS = Settings()


async def _read(stream: FileIO, *, is_raw: bool = False) -> list[Line]:
    return [line async for lines in read_post_lines(stream, is_raw=is_raw) for line in lines]


def _file(folder: Path, content: bytes) -> Path:
    file = folder / "posts.jsonl"
    file.write_bytes(content)
    return file


@given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_a_file_is_split_at_line_feeds(lines: list[bytes]) -> None:
    """Nothing is lost or joined, with or without a line feed at the end."""
    lines = [*lines, b"long" * 50_000, b"last"]

    async def read(stream: FileIO) -> list[bytes]:
        return [line async for batch in split_lines(stream) for line in batch]

    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"\n".join(lines))
        file.seek(0)
        assert asyncio.run(read(file)) == lines


@given(st.lists(st.binary(max_size=50), min_size=1))
def test_raw_lines_are_read_as_they_are(lines: list[bytes]) -> None:
    """Each line that is not blank comes with its number, whatever it holds and however the file begins."""
    content = b"\n".join(lines)
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        file.seek(0)
        expected = [Line(n, line.strip()) for n, line in enumerate(content.split(b"\n"), 1) if line.strip()]
        assert asyncio.run(_read(file, is_raw=True)) == expected


async def test_a_line_in_a_pipe_is_read_at_once() -> None:
    """A line is not kept back until more lines come."""
    reading_end, writing_end = os.pipe()
    with FileIO(reading_end) as stream, FileIO(writing_end, "w") as writer:
        batches = read_post_lines(stream)
        for number, line in enumerate((b"first", b"second"), 1):
            writer.write(line + b"\n")
            async with asyncio.timeout(20):
                assert await anext(batches) == [Line(number, line)]
        writer.close()
        assert [batch async for batch in batches] == [[]]


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + _POST + b"\n\n" + _POST,
        _POST + b"\r\n\r\n" + _POST + b"\r\n",
        codecs.BOM_UTF8 + _POST + b"\r\n \t\r\n" + codecs.BOM_UTF8 + _POST,
        _POST + b"\n\n" + _POST + b"\n\n\n",
    ],
    ids=["byte order mark", "Windows", "two files of Windows put together", "blank lines at the end"],
)
async def test_the_same_posts_are_read_however_the_file_is_written(content: bytes, tmp_path: Path) -> None:
    """Marks, carriage returns, blank lines and a missing last line feed change no post and no line number."""
    assert await read_all_post_lines(_file(tmp_path, content)) == [Line(1, _POST), Line(3, _POST)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_POST.decode().encode("utf-16"), "not in UTF-8 but in UTF-16: iconv"),
        (_POST.decode().encode("utf-16-be"), "not in UTF-8 but in UTF-16: iconv"),
        (_POST.decode().encode("utf-16-le"), "not in UTF-8 but in UTF-16: iconv"),
        (json.dumps([json.loads(_POST)] * 2).encode(), "a JSON array: expected one JSON object a line: jq"),
        (json.dumps([json.loads(_POST)], indent=1).encode(), "a JSON array: expected one JSON object a line"),
        (codecs.BOM_UTF8 + b"\r\n [" + _POST + b"]", "a JSON array: expected one JSON object a line"),
        (json.dumps(json.loads(_POST), indent=1).encode(), "a JSON object over several lines: expected one"),
        (gzip.compress(_POST), r"compressed \(gzip\): expected plain text: zcat FILE"),
        (b"\x28\xb5\x2f\xfd\x04\x58", r"compressed \(zstd\): expected plain text: zstdcat FILE"),
    ],
)
async def test_a_file_of_another_form_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    """One error names the file, its form and what to do, before a line is read; raw lines may have any form."""
    file = _file(tmp_path, content)
    with pytest.raises(SettingsError, match=rf"posts\.jsonl: {problem}"):
        open_posts(str(file))
    with open_posts(str(file), is_raw=True) as stream:
        assert await _read(stream, is_raw=True)


async def test_only_the_first_line_shows_the_form(tmp_path: Path) -> None:
    """A later line that looks like another form is a bad line, and the others are read."""
    file = _file(tmp_path, _POST + b"\n[\n{\n\x1f\x8b\n")
    assert [line.number for line in await read_all_post_lines(file)] == [1, 2, 3, 4]


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder, and a pipe that is only open for writing are settings errors."""
    for name, problem in (("gone", "No such file"), ("", "Is a directory")):
        with pytest.raises(SettingsError, match=f"cannot be read: {problem}"):
            await read_all_post_lines(tmp_path / name)
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with FileIO(writing_end) as stream, pytest.raises(SettingsError, match="cannot be read: Bad file descr"):
        await anext(read_post_lines(stream))


async def test_a_line_without_a_post_is_an_item_with_its_error(tmp_path: Path) -> None:
    """It keeps its number, and the posts around it are records under their ids."""
    file = _file(tmp_path, b"\n".join([_POST, b"{", b"", b'{"id": "9"}', _POST.replace(b"1", b"2")]))
    with open_posts(str(file)) as stream:
        batches = read_records(stream, partial(post_record, settings=_SETTINGS))
        items = [item async for batch in batches for item in batch]
    assert [item.number for item in items] == [1, 2, 4, 5]
    found = [
        item.record.reason if isinstance(item.record, RecordError) else item.record.key for item in items
    ]
    assert found == [b"1", "undecodable", "invalid_message", b"2"]


@given(st.binary(max_size=50))
def test_a_raw_record_holds_its_line_as_it_is(line: bytes) -> None:
    """Whatever the line holds, it is the record's value."""
    assert raw_record(line, _SETTINGS).value == line


def test_a_raw_record_has_the_key_of_its_post() -> None:
    """A line that holds no post has no key."""
    assert raw_record(_POST, _SETTINGS).key == b"1"
    assert raw_record(b"{", _SETTINGS).key is None
