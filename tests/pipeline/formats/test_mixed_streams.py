"""A stream in which every format and every envelope occurs is read with no setting at all."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost
from pipeline.formats.reader import PostReader
from pipeline.messages import Post
from pipeline.settings import Settings
from tests.pipeline.formats.networks.samples import FILES, documents, format_of

_READER = PostReader.of(Settings(max_post_bytes=900_000))
_OWN = {"id": "own", "text": "Fire in Athens", "author": {"name": "ana"}}
_EVENT = {"specversion": "1.0", "id": "e1", "source": "/desk", "type": "post"}

# The documents of all samples, each with the name of its format.
_STREAM: list[tuple[Any, str]] = [
    *((document, format_of(file).name) for file in FILES for document in documents(file)),
    (_OWN, "tocsin"),
]

_WRAPS: dict[str, Callable[[Any], Any]] = {
    "kafka_connect": lambda document: {"schema": None, "payload": document},
    "debezium": lambda document: {"before": None, "after": document, "op": "c", "source": {}, "ts_ms": 1},
    "cloudevents": lambda document: {**_EVENT, "data": document},
    "json_string": lambda document: document if isinstance(document, str) else json.dumps(document),
}


def _value(document: Any) -> bytes:
    return document.encode() if isinstance(document, str) else json.dumps(document).encode()


def _outcomes(readings: list[Reading]) -> list[Post | Deletion | str]:
    """Return the posts and deletions, and the codes of what else there is."""
    outcomes: list[Post | Deletion | str] = []
    for reading in readings:
        assert not isinstance(reading, BadPost)
        outcomes.append(
            reading.post
            if isinstance(reading, ReadPost)
            else reading
            if isinstance(reading, Deletion)
            else reading.what
        )
    return outcomes


@pytest.mark.parametrize(("document", "name"), _STREAM)
def test_each_record_is_read_as_what_it_is(document: Any, name: str) -> None:
    """The format is found without a setting, and said."""
    readings = _READER.read(_value(document))
    assert readings
    assert {reading.read_as.format for reading in readings if isinstance(reading, ReadPost)} <= {name}


@pytest.mark.parametrize("envelope", _WRAPS)
@pytest.mark.parametrize(("document", "name"), _STREAM)
def test_every_format_is_read_in_every_envelope(document: Any, name: str, envelope: str) -> None:
    """The posts are those of the bare record, and the envelope is said."""
    readings = _READER.read(json.dumps(_WRAPS[envelope](document)).encode())
    assert _outcomes(readings) == _outcomes(_READER.read(_value(document)))
    for reading in readings:
        if isinstance(reading, ReadPost):
            assert reading.read_as.format == name
            assert reading.read_as.envelopes[0] == envelope


def test_one_record_may_hold_all_of_them() -> None:
    """Each post says its own format, and the places number all that was found."""
    in_json = [(document, name) for document, name in _STREAM if not isinstance(document, str)]
    readings = _READER.read(_value([document for document, _ in in_json]))
    apart = [reading for document, _ in in_json for reading in _READER.read(_value(document))]
    assert _outcomes(readings) == _outcomes(apart)
    assert len(readings) > 30
    places = [(n, reading.index) for n, reading in enumerate(readings) if isinstance(reading, ReadPost)]
    assert all(n == index for n, index in places)
    assert {reading.read_as.format for reading in readings if isinstance(reading, ReadPost)} == {
        name for _, name in in_json
    }


def test_a_named_format_reads_its_own_in_an_envelope() -> None:
    """The setting names what lies in the envelopes."""
    for document, name in _STREAM:
        reader = PostReader.of(Settings.model_validate({"post_format": name, "max_post_bytes": 900_000}))
        wrapped = _WRAPS["kafka_connect"](document)
        assert _outcomes(reader.read(_value(wrapped))) == _outcomes(_READER.read(_value(document)))
