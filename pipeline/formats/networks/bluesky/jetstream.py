"""Bluesky as Jetstream streams it: one event a line of WebSocket, for every record of every repository.

    {"did": "did:plc:…", "time_us": 1, "kind": "commit",
     "commit": {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "3l…", "record": {"text": "Flood"}}}

An update has the id of the post that it changes, and a deletion withdraws that id. Other collections, and the kinds
`identity` and `account`, are skipped.

Documentation: https://github.com/bluesky-social/jetstream (README)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.bluesky.record import POSTS, address, draft
from pipeline.formats.networks.shape import as_object, as_text, is_integer

_COLLECTIONS = {
    "app.bsky.feed.like": skipped.LIKE,
    "app.bsky.feed.repost": skipped.REPOST,
    "app.bsky.graph.follow": skipped.FOLLOW,
    "app.bsky.graph.block": skipped.FOLLOW,
    "app.bsky.actor.profile": skipped.ACCOUNT,
}
_ACCOUNT_KINDS = frozenset({"identity", "account"})


def _recognises(document: Any) -> bool:
    # What has happened stands under the name of its kind.
    return (
        isinstance(document, dict)
        and _is_event(document)
        and isinstance(document.get(document["kind"]), dict)
    )


def _is_event(document: dict[str, Any]) -> bool:
    return (
        (as_text(document.get("did")) or "").startswith("did:")
        and is_integer(document.get("time_us"))
        and isinstance(document.get("kind"), str)
    )


def _read(document: Any) -> Iterable[Item]:
    document = as_object(document)
    kind = document.get("kind")
    if kind != "commit":
        if not _is_event(document):
            raise InvalidMessageError("not of Jetstream: it lacks `did`, `time_us` or `kind`")
        return [Skipped(skipped.ACCOUNT if kind in _ACCOUNT_KINDS else skipped.OTHER)]
    commit = as_object(document.get("commit"))
    collection, operation = commit.get("collection"), commit.get("operation")
    if collection != POSTS:
        return [Skipped(_COLLECTIONS.get(as_text(collection) or "", skipped.OTHER))]
    did, rkey = as_text(document.get("did")), as_text(commit.get("rkey"))
    if did is None or rkey is None:
        raise InvalidMessageError(
            "an event of Jetstream without `did` or `commit.rkey`, which are the post's id"
        )
    name = address(did, rkey)
    if operation == "delete":
        return [Deletion(name)]
    record = commit.get("record")
    if not isinstance(record, dict):
        raise InvalidMessageError("an event of Jetstream without `commit.record`, which is the post")
    return [draft(record, name=name, author=did, updated=operation == "update" or None)]


JETSTREAM = Format("jetstream", _recognises, _read)
