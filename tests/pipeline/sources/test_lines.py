"""Lines of files and pipes, whatever they hold."""

import asyncio
import os
import tempfile
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.sources import lines
from pipeline.sources.lines import Line, read_lines


async def _read(stream: FileIO) -> list[Line]:
    return [line async for batch in read_lines(stream) for line in batch]


@given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_a_file_is_split_at_line_feeds(contents: list[bytes]) -> None:
    """Nothing is lost or joined, with or without a line feed at the end, and the lines are numbered from 1."""
    contents = [*contents, b"long" * 50_000, b"last"]
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"\n".join(contents))
        file.seek(0)
        assert asyncio.run(_read(file)) == [Line(n, content) for n, content in enumerate(contents, 1)]


async def test_a_file_that_cannot_be_read_is_named() -> None:
    """A pipe that is only open for writing is a settings error."""
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with FileIO(writing_end) as stream, pytest.raises(SettingsError, match="cannot be read: Bad file descr"):
        await anext(read_lines(stream))


async def test_a_line_that_does_not_fit_in_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says the limit, and the program that makes lines of it."""
    monkeypatch.setattr(lines, "MAX_DOCUMENT_BYTES", 2**20)
    file = tmp_path / "long.json"
    file.write_bytes(b"x" * 2**20 + b"\n" + b"x" * 2**20 + b"y")
    with file.open("rb", buffering=0) as stream, pytest.raises(SettingsError) as caught:
        await _read(stream)
    assert str(caught.value).startswith(f"{file}: a line of more than 1 MiB: ")
    assert "jq -c" in str(caught.value)
