"""What holds for every format of a network: it knows its own, claims nothing else, and survives any junk."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Draft, Format, Skipped
from pipeline.formats.networks.skipped import SKIPPED
from tests.pipeline.formats.networks.samples import FILES, NETWORKS, documents, format_of

_NAMES = [file.name for file in FILES]
_ALL = [(file, document) for file in FILES for document in documents(file)]
_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["\ud83d", "at://x/app.bsky.feed.post/y", "t3_", "<p>", "https://t.co/x", "9" * 5000]),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.sampled_from(["id", "text", "uri", "x"]), st.integers(), max_size=2),
)


def _paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each field and element in a document."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    paths = []
    for key, child in children:
        paths += [(*before, key), *_paths(child, (*before, key))]
    return paths


@st.composite
def _mutated(draw: st.DrawFn, document: Any) -> Any:
    """Draw a document with some fields dropped or replaced by values of other types."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 4))):
        paths = _paths(document)
        if not paths:
            return document
        *way, last = draw(st.sampled_from(paths))
        holder = document
        for key in way:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(_JUNK)
    return document


def _read_or_refuse(form: Format, document: Any) -> list[Any] | None:
    """Return the items, or None if the format refuses the document; any other error is a failure."""
    try:
        return list(form.read(document))
    except InvalidMessageError:
        return None


def test_every_format_has_two_samples() -> None:
    samples = [format_of(file).name for file in FILES]
    assert {name: samples.count(name) for name in samples} == {form.name: 2 for form in NETWORKS}


@pytest.mark.parametrize("file", FILES, ids=_NAMES)
def test_a_sample_is_recognised_by_its_own_format_and_by_no_other(file: Path) -> None:
    for document in documents(file):
        assert [form.name for form in NETWORKS if form.recognises(document)] == [format_of(file).name]


@pytest.mark.parametrize("file", FILES, ids=_NAMES)
def test_a_sample_is_read_as_posts_deletions_and_codes_of_the_closed_set(file: Path) -> None:
    items = [item for document in documents(file) for item in format_of(file).read(document)]
    drafts = [item for item in items if isinstance(item, Draft)]
    assert drafts
    for draft in drafts:
        assert isinstance(draft.id, str)
        assert isinstance(draft.text, str)
        assert draft.created_at is not None
        assert draft.author
    assert all(item.id for item in items if isinstance(item, Deletion))
    assert {item.what for item in items if isinstance(item, Skipped)} <= SKIPPED.keys()


@pytest.mark.parametrize(
    "document",
    [
        {"id": "1", "text": "Flood in Jakarta"},
        {
            "id": "1",
            "text": "Flood",
            "created_at": "2026-03-14",
            "lang": "en",
            "author": "a",
            "url": "u",
            "source": "x",
        },
        {
            "id": "1",
            "text": "Flood",
            "user": "ana",
            "data": "x",
            "kind": "post",
            "type": "message",
            "event": "update",
        },
        {
            "id": "1",
            "text": "Flood",
            "title": "x",
            "body": "y",
            "subreddit": "z",
            "uri": "at://x",
            "messages": 2,
        },
        {"data": {"id": "1", "text": "Flood"}},
        {"data": [{"id": "1", "text": "Flood"}]},
        {"event": "update", "payload": "{}", "time": 1},
        {"delete": True},
        {"limit": 1},
        {"warning": "x"},
        {"post": "x"},
        {"posts": []},
        {"feed": [], "records": []},
        {"content": "x", "account": "y"},
        {"_": "User", "id": 1},
        {"errors": ["x"]},
        {},
        [],
        "",
        "Flood in Jakarta",
        "<html><body>x</body></html>",
        "<p>Flood</p>",
        "<items></items>",
        None,
        1,
        True,
    ],
    ids=repr,
)
def test_what_is_of_no_network_is_claimed_by_none(document: Any) -> None:
    assert [form.name for form in NETWORKS if form.recognises(document)] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("form", NETWORKS, ids=[form.name for form in NETWORKS])
def test_reading_raises_nothing_but_its_own_error(form: Format, data: st.DataObject) -> None:
    """Mutations of its own samples, and the samples of all others."""
    own = [document for file, document in _ALL if format_of(file) is form]
    others = [document for _, document in _ALL]
    document = data.draw(_mutated(data.draw(st.sampled_from(own + others))))
    assert form.recognises(document) in (True, False)
    items = _read_or_refuse(form, document)
    assert items is None or items
    assert all(isinstance(item, (Draft, Deletion, Skipped)) for item in items or ())
    assert {item.what for item in items or () if isinstance(item, Skipped)} <= SKIPPED.keys()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_two_formats_claim_one_document(data: st.DataObject) -> None:
    _, document = data.draw(st.sampled_from(_ALL))
    mutated = data.draw(_mutated(document))
    assert len([form.name for form in NETWORKS if form.recognises(mutated)]) <= 1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_or_mixed_feed_raises_nothing_but_its_own_error(data: st.DataObject) -> None:
    feeds = [document for _, document in _ALL if isinstance(document, str)]
    first, second = data.draw(st.sampled_from(feeds)), data.draw(st.sampled_from(feeds))
    middle = data.draw(st.text(max_size=20))
    text = (
        first[: data.draw(st.integers(0, len(first)))]
        + middle
        + second[data.draw(st.integers(0, len(second))) :]
    )
    for form in NETWORKS:
        items = _read_or_refuse(form, text)
        assert items is None or items


@pytest.mark.parametrize("file", FILES, ids=_NAMES)
def test_metadata_is_json(file: Path) -> None:
    for document in documents(file):
        for item in format_of(file).read(document):
            if isinstance(item, Draft):
                json.dumps(item.metadata, allow_nan=False)
