"""Whatever strangers send is read or refused: no document and no bytes raise anything else."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RecordError
from pipeline.formats.choice import FORMAT_NAMES
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.formats.registry import FORMATS
from pipeline.settings import Settings
from tests.pipeline.hostile_posts import GOOD, MENDED, RECORDS

_READER = PostReader.of(Settings())

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "text", "id_str", "metadata", "author", "lang", "url", "created_at", "source"),
                    *("schema", "payload", "op", "before", "after", "ts_ms", "data", "data_base64"),
                    *("specversion", "type", "__deleted", "includes", "event", "kind", "commit", "user"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


def _check(readings: list[Reading]) -> None:
    for reading in readings:
        match reading:
            case ReadPost(post, read_as):
                assert orjson.loads(orjson.dumps(post.text)) == post.text
                assert read_as.format in FORMAT_NAMES
            case BadPost(error, value):
                assert isinstance(error, RecordError)
                assert isinstance(value, bytes)
            case Deletion(post_id):
                assert post_id
            case Skipped(what):
                assert what


@given(_JSON)
@settings(max_examples=300)
def test_any_document_is_read_or_refused(document: Any) -> None:
    """Whatever the shape, nothing is raised but `RecordError`."""
    with contextlib.suppress(RecordError):
        _check(_READER.read(json.dumps(document).encode()))


@given(
    st.binary(max_size=60)
    | st.binary(max_size=30).map(lambda value: b"\0\0\0\0\x01" + value)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=20).map(lambda value: b'{"id": "1", "text": "' + value + b'"}')
    | st.binary(max_size=20).map(lambda value: b"<rss>" + value),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_specversion", "content-type", "tocsin-format", "x"]),
            st.none() | st.binary(max_size=9) | st.just(b"mastodon"),
        ),
        max_size=3,
    ),
)
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    """Whatever the bytes and headers, nothing is raised but `RecordError`."""
    with contextlib.suppress(RecordError):
        _check(_READER.read(value, headers))


@given(_JSON)
def test_every_named_format_reads_or_refuses(document: Any) -> None:
    """A format that a setting names meets every document."""
    for form in FORMATS:
        with contextlib.suppress(RecordError):
            _check(PostReader.of(Settings(post_format=form.name)).read(json.dumps(document).encode()))


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_has_its_outcome(name: str) -> None:
    """Each is read, or refused with the reason that the table gives."""
    value, reason = RECORDS[name]
    if reason in (GOOD, MENDED):
        [read] = _READER.read(value)
        _check([read])
        assert isinstance(read, ReadPost)
        assert bool(read.read_as.changes) == (reason == MENDED)
    else:
        with pytest.raises(RecordError) as caught:
            _READER.read(value)
        assert caught.value.reason == reason
