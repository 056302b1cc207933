"""A stream in which every format lies beside every other, read without any setting."""

from __future__ import annotations

import random
import re
from pathlib import Path

import orjson

from pipeline.formats.format import BadPost, Deletion, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.settings import Settings
from tests.pipeline.formats.networks.samples import FILES, NETWORKS, documents, format_of

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


def _records() -> list[tuple[Path, bytes]]:
    records = [(file, document) for file in FILES for document in documents(file)]
    random.Random(16).shuffle(records)
    return [
        (file, value.encode() if isinstance(value, str) else orjson.dumps(value)) for file, value in records
    ]


def test_each_record_is_read_as_its_own_format() -> None:
    reader = PostReader.of(Settings())
    seen = set()
    for file, value in _records():
        for reading in reader.read(value):
            assert not isinstance(reading, BadPost)
            if isinstance(reading, ReadPost):
                assert reading.read_as.format == format_of(file).name
                seen.add(reading.read_as.format)
                post = reading.post
                assert post.created_at is not None
                assert _RFC3339.fullmatch(post.created_at)
                assert post.lang in (None, "en", "en-gb")
            else:
                assert isinstance(reading, (Deletion, Skipped))
    assert seen == {form.name for form in NETWORKS}


def test_a_format_that_is_set_reads_the_same() -> None:
    for file, value in _records():
        name = format_of(file).name
        assert PostReader.of(Settings(post_format=name)).read(value) == PostReader.of(Settings()).read(value)
