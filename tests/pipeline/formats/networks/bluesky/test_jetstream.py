"""Jetstream: one id from creation to deletion, and whatever is no post."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Skipped
from tests.pipeline.formats.networks.samples import document, read

_DID = "did:plc:reader2exampleaaaaaaaaaa"


def _event(**commit: Any) -> dict[str, Any]:
    return {
        "did": _DID,
        "time_us": 1,
        "kind": "commit",
        "commit": {"collection": "app.bsky.feed.post", **commit},
    }


def test_a_new_post() -> None:
    (draft,) = read("jetstream", document("jetstream.jsonl"))
    assert draft.id == "at://did:plc:desk7exampleaaaaaaaaaaaa/app.bsky.feed.post/3lkaaaaaaaa2b"
    assert draft.url == "https://bsky.app/profile/did:plc:desk7exampleaaaaaaaaaaaa/post/3lkaaaaaaaa2b"
    assert (draft.lang, draft.author) == ("en", "did:plc:desk7exampleaaaaaaaaaaaa")
    assert draft.created_at == "2026-03-14T06:12:09.000Z"
    assert draft.changes == ()


def test_creation_update_and_deletion_have_one_id() -> None:
    record = {"text": "Flood"}
    created, updated, deleted = (
        read("jetstream", _event(operation=operation, rkey="3l", record=record))[0]
        for operation in ("create", "update", "delete")
    )
    assert created.id == updated.id == deleted.id == f"at://{_DID}/app.bsky.feed.post/3l"
    assert isinstance(deleted, Deletion)
    assert (created.metadata, updated.metadata) == (None, {"updated": True})


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (_event(collection="app.bsky.feed.like", operation="create"), "like"),
        (_event(collection="app.bsky.feed.like", operation="delete"), "like"),
        (_event(collection="app.bsky.feed.repost"), "repost"),
        (_event(collection="app.bsky.graph.follow"), "follow"),
        (_event(collection="org.example.anything"), "other"),
        (_event(collection=None), "other"),
        ({"did": _DID, "time_us": 1, "kind": "identity", "identity": {}}, "account"),
        ({"did": _DID, "time_us": 1, "kind": "account", "account": {"active": False}}, "account"),
        ({"did": _DID, "time_us": 1, "kind": "news"}, "other"),
    ],
)
def test_what_is_no_post(event: Any, what: str) -> None:
    assert read("jetstream", event) == [Skipped(what)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (_event(operation="create", rkey="3l"), "`commit.record`"),
        (_event(operation="create", record={"text": "Flood"}), "`commit.rkey`"),
        ({"time_us": 1}, "it lacks `did`, `time_us` or `kind`"),
        ({"kind": "Listing", "data": {"children": []}}, "it lacks `did`"),
    ],
)
def test_what_is_missing_is_named(event: Any, reason: str) -> None:
    with pytest.raises(InvalidMessageError, match=reason):
        read("jetstream", event)
