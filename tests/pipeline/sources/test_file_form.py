"""What the first lines of a file show of its form."""

import json

import pytest

from pipeline.sources.file_form import Form, find_form

_POST = b'{"id": "1", "text": "x"}'


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        ([_POST, _POST], Form.LINES),
        ([_POST], Form.LINES),
        ([], Form.LINES),
        ([b"[" + _POST + b"]", b"[]"], Form.LINES),
        ([b'{"id": "1", "text": "broken off', _POST], Form.LINES),
        ([b'{"id": "1", "text": "broken off \\"', _POST], Form.LINES),
        ([b'{"id": "1", "text": "]"', _POST], Form.LINES),
        ([b"{", _POST], Form.LINES),
        ([b"id,text", b"1,x"], Form.LINES),
        ([b"{", b'"id": "1",'], Form.DOCUMENT),
        ([b'{"data": [{', b'"id": "1",'], Form.DOCUMENT),
        ([b'{"a": "}}", "messages": [', b"{"], Form.DOCUMENT),
        ([b'{"a": [1], "messages": {', b"{"], Form.LINES),
        ([b"[", _POST + b","], Form.DOCUMENT),
        ([b"[", _POST, b"]"], Form.DOCUMENT),
        ([b"[" + _POST + b",", _POST], Form.DOCUMENT),
        ([b"{"], Form.DOCUMENT),
        ([b'<?xml version="1.0"?>', b"<rss>"], Form.DOCUMENT),
        ([b"<feed/>"], Form.DOCUMENT),
        ([b"event: update", b"data: {}"], Form.EVENTS),
        ([b":thump", b"event: update"], Form.EVENTS),
        ([b"data:{}"], Form.EVENTS),
    ],
)
def test_the_first_lines_show_the_form(lines: list[bytes], form: Form) -> None:
    """A line that is broken off inside a string, and one before a whole object, are broken lines among good ones."""
    assert find_form(lines, is_end=True) is form


def test_a_single_line_that_goes_on_shows_nothing_yet() -> None:
    """The second line of a pipe may come later."""
    assert find_form([], is_end=False) is None
    assert find_form([b"{"], is_end=False) is None
    assert find_form([b"["], is_end=False) is None
    assert find_form([_POST], is_end=False) is Form.LINES


def test_every_document_of_json_is_found_however_it_is_indented() -> None:
    """Strings that hold brackets and quotes do not mislead."""
    document = [{"id": '"]}[{', "text": "\\", "metadata": {"a": [[]]}}]
    for indent in range(1, 5):
        lines = [line.strip() for line in json.dumps(document, indent=indent).encode().splitlines()]
        assert find_form(lines, is_end=True) is Form.DOCUMENT


@pytest.mark.timeout(60)
def test_a_line_of_quotes_takes_linear_time() -> None:
    """The first line may have 64 MiB: with quadratic time this one of 2 MiB would take hours."""
    assert find_form([b'{"' + b'\\"' * 2**20, _POST], is_end=True) is Form.LINES
