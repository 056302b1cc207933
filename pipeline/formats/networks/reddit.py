"""Reddit: things of the API (`t3` a post, `t1` a comment), listings of them, and the bare objects of dumps.

    {"kind": "t3", "data": {"name": "t3_1abc", "title": "Flood", "selftext": "", "subreddit": "news", ...}}

A post's text is its title and what is below it. Reddit escapes `&`, `<` and `>` unless it is asked with `raw_json=1`;
both stay as they came. A post or comment whose text was deleted or removed is a deletion.

Documentation: https://www.reddit.com/dev/api/, https://github.com/reddit-archive/reddit/wiki/JSON
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Draft, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import (
    as_name,
    as_object,
    as_text,
    dig,
    filled,
    has_own_text,
    link,
    objects,
    present,
)

_COMMENT, _POST = "t1", "t3"
_OTHER_THINGS = {"t2": skipped.ACCOUNT, "t4": skipped.OTHER, "t5": skipped.OTHER, "t6": skipped.OTHER}
_LISTING = "Listing"
_MORE = "more"  # stands for comments that the answer leaves out
_THINGS = frozenset({_COMMENT, _POST, *_OTHER_THINGS})
_WITHDRAWN = frozenset({"[deleted]", "[removed]"})
_FULL_NAME = re.compile(r"t[1-6]_\w{1,20}", re.ASCII)


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict) or has_own_text(document):
        return False
    data, kind = document.get("data"), document.get("kind")
    if isinstance(data, dict) and isinstance(kind, str):
        return kind in _THINGS or (kind in (_LISTING, _MORE) and isinstance(data.get("children"), list))
    return _is_bare(document)


def _is_bare(thing: dict[str, Any]) -> bool:
    """Whether it is the content of a thing, as in dumps."""
    has_text = ("title" in thing and "selftext" in thing) or ("body" in thing and "link_id" in thing)
    return has_text and {"id", "subreddit", "author", "created_utc"} <= thing.keys()


def _read(document: Any) -> Iterable[Item]:
    items = list(_items(as_object(document)))
    return items or [Skipped(skipped.NOTHING)]


def _items(document: dict[str, Any]) -> Iterator[Item]:
    kind, data = document.get("kind"), document.get("data")
    if not isinstance(data, dict):
        if not document.keys() & {"title", "selftext", "body"}:
            raise InvalidMessageError("not of Reddit: neither `kind` and `data` nor a post or a comment")
        yield _item(document, _COMMENT if "body" in document else _POST)
    elif kind == _LISTING:
        yield from _listed(data)
    elif kind in (*_THINGS, _MORE):
        yield _thing(kind, data)
    else:
        raise InvalidMessageError("not of Reddit: its `kind` is none of Reddit's: t1, t3, Listing, ...")


def _listed(listing: dict[str, Any]) -> Iterator[Item]:
    """Yield the things of a listing, each with the replies to it, which lie in a listing of their own."""
    for thing in objects(listing.get("children")):
        data = as_object(thing.get("data"))
        yield _thing(thing.get("kind"), data)
        yield from _listed(as_object(dig(data, "replies", "data")))


def _thing(kind: Any, data: dict[str, Any]) -> Item:
    if kind in (_COMMENT, _POST):
        return _item(data, kind)
    return Skipped(_OTHER_THINGS.get(as_text(kind) or "", skipped.OTHER))


def _item(data: dict[str, Any], kind: str) -> Item:
    name = _name(data, kind)
    written = data.get("body") if kind == _COMMENT else data.get("selftext")
    if name is not None and isinstance(written, str) and written.strip() in _WITHDRAWN:
        return Deletion(name)
    author = data.get("author")
    return Draft(
        id=name,
        text=written if kind == _COMMENT else _post_text(data.get("title"), written),
        created_at=data.get("created_utc"),
        source="reddit",
        author=None if author in ("[deleted]", "[removed]") else author,
        url=_url(data),
        metadata=filled(
            subreddit=data.get("subreddit"),
            reply_to=filled(id=as_text(data.get("parent_id")), root=as_text(data.get("link_id"))),
            quoted=_crossposted(data),
            links=_links(data),
            edited_at=data.get("edited") or None,
        ),
    )


def _name(data: dict[str, Any], kind: str) -> str | None:
    """Return the full name: ids alone are unique only among the things of one kind."""
    name = as_text(data.get("name"))
    if name is not None and _FULL_NAME.fullmatch(name):
        return name
    name = as_name(data.get("id"))
    return None if name is None else f"{kind}_{name}"


def _post_text(title: Any, below: Any) -> Any:
    if isinstance(title, str) and isinstance(below, str) and below.strip():
        return f"{title}\n{below}"
    return title


def _url(data: dict[str, Any]) -> str | None:
    permalink = as_text(data.get("permalink"))
    return (
        None if permalink is None or not permalink.startswith("/") else f"https://www.reddit.com{permalink}"
    )


def _links(data: dict[str, Any]) -> list[Any]:
    if data.get("is_self") is True:
        return []
    return present([link(None, data.get("url_overridden_by_dest") or data.get("url"))])


def _crossposted(data: dict[str, Any]) -> dict[str, Any] | None:
    parents = objects(data.get("crosspost_parent_list"))
    if not parents:
        return None
    text = _post_text(parents[0].get("title"), parents[0].get("selftext"))
    return filled(
        id=_name(parents[0], _POST), author=dig(parents[0], "author"), text=text, url=_url(parents[0])
    )


REDDIT = Format("reddit", _recognises, _read)
