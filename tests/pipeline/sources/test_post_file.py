"""Files and pipes of posts in every form that people have them."""

import codecs
import gzip
import json
import os
import tempfile
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.sources import post_file
from pipeline.sources.post_file import Document, PostFile, open_posts, read_all_documents

_POST = b'{"id": "1", "text": "x"}'


async def _read(posts: PostFile) -> list[Document]:
    return [document async for batch in posts.documents() for document in batch]


def _file(folder: Path, content: bytes) -> Path:
    file = folder / "posts.jsonl"
    file.write_bytes(content)
    return file


@given(st.lists(st.binary(max_size=50), min_size=1))
async def test_raw_lines_are_read_as_they_are(lines: list[bytes]) -> None:
    """Each line that is not blank comes with its number, whatever it holds and however the file begins."""
    content = b"\n".join(lines)
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        file.seek(0)
        expected = [
            Document(n, line.strip()) for n, line in enumerate(content.split(b"\n"), 1) if line.strip()
        ]
        assert await _read(PostFile(file, is_raw=True)) == expected


async def test_a_line_in_a_pipe_is_read_at_once() -> None:
    """A line is not kept back until more lines come."""
    reading_end, writing_end = os.pipe()
    with PostFile(FileIO(reading_end)) as posts, FileIO(writing_end, "w") as writer:
        batches = posts.documents()
        for number in (1, 2):
            writer.write(_POST + b"\n")
            assert await anext(batches) == [Document(number, _POST)]
        writer.close()
        assert [document async for batch in batches for document in batch] == []


async def test_an_event_in_a_pipe_is_read_at_its_end() -> None:
    """`curl -N ... | tocsin produce -` sends each post as the network sends it."""
    reading_end, writing_end = os.pipe()
    with PostFile(FileIO(reading_end)) as posts, FileIO(writing_end, "w") as writer:
        batches = posts.documents()
        for number in (1, 3):
            writer.write(b"data: " + _POST + b"\n\n")
            assert await anext(batches) == [Document(number, _POST)]


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
    assert await read_all_documents(_file(tmp_path, content)) == [Document(1, _POST), Document(3, _POST)]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([json.loads(_POST)] * 2, indent=1).encode(),
        json.dumps({"data": [json.loads(_POST)]}, indent=2).replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + b"\r\n [\n" + _POST + b"\n\n]\n\n",
        b"[\n" + b",\n".join([_POST] * 5_000) + b"]",
        b"<?xml version='1.0'?>\n<rss>\n<a><![CDATA[x\n\ny]]></a></rss>\n",
        b'{\n"id": NaN, "text": "\\ud800"}',
    ],
    ids=["array", "object of Windows", "mark and blanks", "large", "XML", "not quite JSON"],
)
async def test_a_file_of_one_document_is_read_whole(content: bytes, tmp_path: Path) -> None:
    """From a file and from a pipe, without the blanks around it."""
    file = _file(tmp_path, content)
    expected = [Document(1, content.strip().removeprefix(codecs.BOM_UTF8).strip(), is_file=True)]
    assert await read_all_documents(file) == expected
    with file.open("rb", buffering=0) as stream:
        assert await _read(PostFile(stream)) == expected


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
async def test_a_file_of_an_archive_of_x_is_read_without_its_assignment(mark: bytes, tmp_path: Path) -> None:
    """`tweets.js` is a program for a browser, with the posts as its only value."""
    posts = b'[\n {"tweet": {"id_str": "1"}}\n]'
    file = _file(tmp_path, mark + b"window.YTD.tweets.part0 = " + posts)
    assert await read_all_documents(file) == [Document(1, posts, is_file=True)]
    with open_posts(str(file)) as opened:
        assert opened.unit == "item"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_POST.decode().encode("utf-16"), "not in UTF-8 but in UTF-16: iconv"),
        (_POST.decode().encode("utf-16-be"), "not in UTF-8 but in UTF-16: iconv"),
        (_POST.decode().encode("utf-16-le"), "not in UTF-8 but in UTF-16: iconv"),
        (gzip.compress(_POST), r"compressed \(gzip\): expected plain text: zcat FILE"),
        (b"\x28\xb5\x2f\xfd\x04\x58", r"compressed \(zstd\): expected plain text: zstdcat FILE"),
    ],
)
async def test_a_file_of_another_form_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    """One error names the file, its form and what to do, before a line is read; raw lines may have any form."""
    file = _file(tmp_path, content)
    with pytest.raises(SettingsError, match=rf"posts\.jsonl: {problem}"):
        open_posts(str(file))
    with file.open("rb", buffering=0) as stream, pytest.raises(SettingsError, match=problem):
        await _read(PostFile(stream))
    with open_posts(str(file), is_raw=True) as posts:
        assert await _read(posts)


async def test_a_document_that_is_broken_or_too_large_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the file, what is wrong where, and the program that makes lines of several documents."""
    several = json.dumps(json.loads(_POST), indent=1).encode()
    for content, problem in (
        (several + b"\n" + several, r"cannot be read \(Extra data: line 5 column 1 .*\): jq -c \. FILE"),
        (b'[\n{"id": 1,\n', "cannot be read"),
        (b'{\n"id": "\xff"}', "cannot be read .*utf-8"),
        (b"[\n" * 100_000, "cannot be read"),
    ):
        with pytest.raises(SettingsError, match=rf"posts\.jsonl: .*{problem}"):
            await read_all_documents(_file(tmp_path, content))
    monkeypatch.setattr(post_file, "MAX_DOCUMENT_BYTES", 1_000)
    file = _file(tmp_path, b"[\n" + b",\n".join([_POST] * 50) + b"]")
    with pytest.raises(SettingsError, match=r"posts\.jsonl: a document of more than .* MiB: .*jq -c"):
        open_posts(str(file))
    with file.open("rb", buffering=0) as stream, pytest.raises(SettingsError, match="a document of more"):
        await _read(PostFile(stream))


async def test_only_the_first_lines_show_the_form(tmp_path: Path) -> None:
    """A later line that looks like another form is a bad line, and the others are read."""
    file = _file(tmp_path, _POST + b"\n[\n{\n\x1f\x8b\n")
    assert [document.number for document in await read_all_documents(file)] == [1, 2, 3, 4]
    long = b'{"id": "1", "text": "' + b"x" * 100_000 + b'"}'
    assert await read_all_documents(_file(tmp_path, long + b"\n" + _POST)) == [
        Document(1, long),
        Document(2, _POST),
    ]
    array = b"[" + b", ".join([_POST] * 10_000) + b"]"
    assert await read_all_documents(_file(tmp_path, array + b"\n[]")) == [
        Document(1, array),
        Document(2, b"[]"),
    ]


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and a folder are settings errors."""
    for name, problem in (("gone", "No such file"), ("", "Is a directory")):
        with pytest.raises(SettingsError, match=f"cannot be read: {problem}"):
            await read_all_documents(tmp_path / name)
