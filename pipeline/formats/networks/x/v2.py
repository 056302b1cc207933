"""X, API v2: a post or several in `data`, what they refer to in `includes`, and the post alone.

    {"data": {"id": "1", "text": "RT @desk: Explosion at the pl…",
              "referenced_tweets": [{"type": "retweeted", "id": "2"}]},
     "includes": {"tweets": [{"id": "2", "text": "Explosion at the plant", ...}], "users": [...]},
     "matching_rules": [...]}

A retweet that X has cut gets the whole text of the post that it repeats, if `includes` has it. `&amp;` stays as it
came.

Documentation: https://docs.x.com/x-api/fundamentals/data-dictionary, .../posts/filtered-stream, .../compliance/streams
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Deletion, Draft, Format, Item, Skipped
from pipeline.formats.networks import skipped
from pipeline.formats.networks.shape import (
    as_list,
    as_name,
    as_object,
    as_text,
    dig,
    filled,
    has_own_text,
    is_integer,
    link,
    objects,
    present,
)
from pipeline.formats.networks.x.posts import post_url, repeated_text

# Fields that no other format has, v1.1 included. Each is optional, but the first comes by default since 2022.
_ONLY_V2 = {
    "edit_history_tweet_ids": list,
    "referenced_tweets": list,
    "context_annotations": list,
    "note_tweet": dict,
    "edit_controls": dict,
}
_BESIDE_DATA = ("includes", "matching_rules")
_WITHDRAWN = ("delete", "drop")
_EVENTS = {
    "undrop": skipped.NOTICE,
    "tweet_edit": skipped.NOTICE,
    "withheld": skipped.WITHHELD,
    "user_delete": skipped.ACCOUNT,
    "user_undelete": skipped.ACCOUNT,
    "user_protect": skipped.ACCOUNT,
    "user_unprotect": skipped.ACCOUNT,
    "user_suspend": skipped.ACCOUNT,
    "user_unsuspend": skipped.ACCOUNT,
    "user_withheld": skipped.ACCOUNT,
    "user_profile_modification": skipped.ACCOUNT,
    "scrub_geo": skipped.ACCOUNT,
}
_PROBLEMS = ("https://api.twitter.com/2/problems/", "https://api.x.com/2/problems/")


@dataclass(frozen=True, slots=True)
class _Includes:
    """What `data` refers to, by id."""

    posts: dict[str, dict[str, Any]]
    users: dict[str, str]  # id to user name
    media: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, includes: Any) -> _Includes:
        posts = {name: post for post in objects(dig(includes, "tweets")) if (name := as_name(post.get("id")))}
        users = {
            name: username
            for user in objects(dig(includes, "users"))
            if (name := as_name(user.get("id"))) and (username := as_text(user.get("username")))
        }
        media = {
            key: item for item in objects(dig(includes, "media")) if (key := as_name(item.get("media_key")))
        }
        return cls(posts, users, media)

    def author(self, post: dict[str, Any]) -> str | None:
        """Return the user name of a post's author; a post expanded in place holds it itself."""
        return self.users.get(as_name(post.get("author_id")) or "") or as_text(
            dig(post, "author", "username")
        )


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    if _is_bare_post(document):
        return True
    if has_own_text(document):
        return False
    if "data" not in document:
        return _problems(document) != [] or _is_empty_page(document)
    data = document["data"]
    if isinstance(data, dict):
        return _is_bare_post(data) or _event(data) is not None or (_is_post(data) and _has_company(document))
    return isinstance(data, list) and (
        any(_is_bare_post(item) for item in data)
        or (all(_is_post(item) for item in data) and (_has_company(document) or _is_page(document)))
    )


def _is_post(value: Any) -> bool:
    return isinstance(value, dict) and "id_str" not in value and {"id", "text"} <= value.keys()


def _is_bare_post(value: Any) -> bool:
    return _is_post(value) and (
        any(isinstance(value.get(name), kind) for name, kind in _ONLY_V2.items())
        or is_integer(dig(value, "public_metrics", "retweet_count"))
    )


def _has_company(document: dict[str, Any]) -> bool:
    return any(
        isinstance(document.get(name), kind) for name, kind in zip(_BESIDE_DATA, (dict, list), strict=True)
    )


def _is_page(document: dict[str, Any]) -> bool:
    return isinstance(dig(document, "meta", "result_count"), int)


def _is_empty_page(document: dict[str, Any]) -> bool:
    """Whether it is a page of a search that has found nothing: X leaves `data` out."""
    return document.keys() <= {"meta", "includes", "errors"} and dig(document, "meta", "result_count") == 0


def _event(data: dict[str, Any]) -> str | None:
    """Return the name of a compliance event."""
    if len(data) != 1:
        return None
    name = next(iter(data))
    kinds = {"tweet", "user"} if name in _WITHDRAWN or name in _EVENTS else set()
    return name if kinds & as_object(data[name]).keys() else None


def _problems(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of a document that holds nothing else; a stream sends them before it ends."""
    problems = [document, *objects(document.get("errors"))]
    return [item for item in problems if (as_text(item.get("type")) or "").startswith(_PROBLEMS)]


def _read(document: Any) -> Iterable[Item]:
    document = as_object(document)
    data = document.get("data")
    if isinstance(data, dict) and (event := _event(data)) is not None:
        return [_event_item(event, data[event])]
    if data is None and _is_post(document):
        data = document
    if isinstance(data, dict):
        data = [data]
    if not isinstance(data, list):
        if _problems(document):
            return [Skipped(skipped.ERROR)]
        if "meta" in document:
            return [Skipped(skipped.NOTHING)]
        raise InvalidMessageError("not of X's API v2: neither `data` nor a post with `id` and `text`")
    return list(_posts(data, document)) or [Skipped(skipped.NOTHING)]


def _event_item(event: str, content: Any) -> Item:
    if event not in _WITHDRAWN:
        return Skipped(_EVENTS[event])
    name = as_name(dig(content, "tweet", "id"))
    return Skipped(skipped.UNNAMED_DELETION) if name is None else Deletion(name)


def _posts(data: list[Any], document: dict[str, Any]) -> Iterator[Draft]:
    includes = _Includes.of(document.get("includes"))
    rules = [rule.get("tag") for rule in objects(document.get("matching_rules"))]
    for item in data:
        yield _draft(as_object(item), includes, present(rules))


def _draft(post: dict[str, Any], includes: _Includes, rules: list[Any]) -> Draft:
    text, changes = _whole_text(post)
    referred = dict(_references(post, includes))
    repeated = referred.get("retweeted")
    if repeated is not None and isinstance(text, str):
        whole = repeated_text(text, includes.author(repeated), _whole_text(repeated)[0])
        if whole != text:
            text, changes = whole, ("retweeted_post",)
    author = includes.author(post)
    return Draft(
        id=post.get("id"),
        text=text,
        created_at=post.get("created_at"),
        lang=post.get("lang"),
        source="x",
        author=author if author is not None else post.get("author_id"),
        url=post_url(author, post.get("id")),
        metadata=filled(
            reposted=_summary(repeated, includes),
            quoted=_summary(referred.get("quoted"), includes, with_text=True),
            reply_to=_summary(referred.get("replied_to"), includes),
            links=_links(post),
            alt_texts=_alt_texts(post, includes),
            matching_rules=rules,
        ),
        changes=changes,
    )


def _whole_text(post: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return a post's text, and what had to be done for it: a long post has only its beginning in `text`."""
    long = as_text(dig(post, "note_tweet", "text"))
    return (post.get("text"), ()) if long is None else (long, ("note_tweet",))


def _references(post: dict[str, Any], includes: _Includes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the post refers to: how, and the post, or its id alone. Some tools (twarc) write the post in place."""
    for reference in objects(post.get("referenced_tweets")):
        kind, name = as_text(reference.get("type")), as_name(reference.get("id"))
        if kind is not None and name is not None:
            yield kind, includes.posts.get(name, reference)


def _summary(
    post: dict[str, Any] | None, includes: _Includes, *, with_text: bool = False
) -> dict[str, Any] | None:
    if post is None:
        return None
    author = includes.author(post)
    text = _whole_text(post)[0] if with_text else None
    return filled(id=post.get("id"), author=author, text=text, url=post_url(author, post.get("id")))


def _links(post: dict[str, Any]) -> list[Any]:
    urls = objects(dig(post, "note_tweet", "entities", "urls")) or objects(dig(post, "entities", "urls"))
    return present([link(item.get("url"), item.get("expanded_url")) for item in urls])


def _alt_texts(post: dict[str, Any], includes: _Includes) -> list[Any]:
    keys = [as_name(key) or "" for key in as_list(dig(post, "attachments", "media_keys"))]
    return present([as_object(includes.media.get(key)).get("alt_text") for key in keys])


X_V2 = Format("x-v2", _recognises, _read)
