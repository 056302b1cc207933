"""X, API v1.1, also as it was collected for years: statuses, pages of a search, messages of the old streams.

    {"id_str": "1", "text": "RT @desk: Explosion at the pl…", "user": {"screen_name": "ana"},
     "retweeted_status": {"id_str": "2", "truncated": true, "extended_tweet": {"full_text": "Explosion at the plant"}}}

The whole text wins: `full_text`, `extended_tweet.full_text`, and for a retweet that of `retweeted_status`. `&amp;`
stays as it came. `id_str` wins over `id`, which JavaScript has rounded in many collections.

Documentation: https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/data-dictionary (native enriched format)
"""

from __future__ import annotations

from collections.abc import Iterable
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
    is_integer,
    link,
    objects,
    present,
)
from pipeline.formats.networks.x.posts import post_url, repeated_text

# Messages of a stream: one name beside which at most `timestamp_ms` stands, and a field that such a message has.
_MESSAGES = {
    "limit": ("track", skipped.NOTICE),
    "disconnect": ("code", skipped.NOTICE),
    "warning": ("code", skipped.NOTICE),
    "scrub_geo": ("user_id", skipped.ACCOUNT),
    "status_withheld": ("id", skipped.WITHHELD),
    "user_withheld": ("id", skipped.ACCOUNT),
}


def _recognises(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    if _is_status(document):
        return True
    if has_own_text(document):
        return False
    if _is_status(document.get("tweet")) or _is_deletion(document):
        return True
    if _message(document) is not None or _are_errors(document):
        return True
    return isinstance(document.get("statuses"), list) and isinstance(document.get("search_metadata"), dict)


def _is_status(value: Any) -> bool:
    """Whether it is a status: an archive of one's own posts lacks `user`, and `trim_user=true` leaves its id only."""
    value = as_object(value)
    if as_text(value.get("id_str")) is None:
        return False
    if "full_text" in value or isinstance(dig(value, "extended_tweet", "full_text"), str):
        return True
    user = as_object(value.get("user"))
    is_user = as_text(user.get("screen_name")) is not None or as_text(user.get("id_str")) is not None
    return "text" in value and (is_user or is_integer(value.get("retweet_count")))


def _is_deletion(document: dict[str, Any]) -> bool:
    return isinstance(dig(document, "delete", "status"), dict)


def _message(document: dict[str, Any]) -> str | None:
    """Return the code of what a message of a stream is; None if it is none."""
    names = document.keys() - {"timestamp_ms"}
    if len(names) != 1:
        return None
    name = next(iter(names))
    field, what = _MESSAGES.get(name, (None, None))
    return what if field is not None and field in as_object(document[name]) else None


def _are_errors(document: dict[str, Any]) -> bool:
    """Whether it is `{"errors": [{"code": 88, "message": "Rate limit exceeded"}]}`."""
    errors = objects(document.get("errors"))
    return (
        errors != []
        and document.keys() <= {"errors", "request"}
        and all({"code", "message"} <= error.keys() for error in errors)
    )


def _read(document: Any) -> Iterable[Item]:
    document = as_object(document)
    if _is_deletion(document):
        status = document["delete"]["status"]
        name = as_name(status.get("id_str")) or as_name(status.get("id"))
        return [Skipped(skipped.UNNAMED_DELETION) if name is None else Deletion(name)]
    if (what := _message(document)) is not None:
        return [Skipped(what)]
    if _are_errors(document):
        return [Skipped(skipped.ERROR)]
    if isinstance(document.get("statuses"), list):
        return [_draft(as_object(status)) for status in document["statuses"]] or [Skipped(skipped.NOTHING)]
    document = as_object(document.get("tweet")) or document
    if not document.keys() & {"id", "id_str", "text", "full_text", "extended_tweet"}:
        raise InvalidMessageError("not of X's API v1.1: neither a status nor a message of its streams")
    return [_draft(document)]


def _draft(status: dict[str, Any]) -> Draft:
    text, changes = _whole_text(status)
    repeated = as_object(status.get("retweeted_status"))
    if repeated and isinstance(text, str):
        whole = repeated_text(text, _author(repeated), _whole_text(repeated)[0])
        if whole != text:
            text, changes = whole, ("retweeted_post",)
    return Draft(
        id=_id(status),
        text=text,
        created_at=status.get("created_at"),
        lang=status.get("lang"),
        source="x",
        author=_author(status),
        url=post_url(_author(status), _id(status)),
        metadata=filled(
            reposted=_summary(repeated),
            quoted=_quoted(status),
            reply_to=_reply_to(status),
            links=_links(status),
            alt_texts=_alt_texts(status),
        ),
        changes=changes,
    )


def _id(status: dict[str, Any]) -> Any:
    name = status.get("id_str")
    return status.get("id") if name is None else name


def _author(status: dict[str, Any]) -> str | None:
    return as_text(dig(status, "user", "screen_name"))


def _whole_text(status: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return a status's text, and what had to be done for it: `text` of a long one has only its beginning."""
    whole = as_text(dig(status, "extended_tweet", "full_text"))
    if whole is not None:
        return whole, ("extended_tweet",)
    text = status.get("full_text")
    return (status.get("text") if text is None else text), ()


def _summary(status: dict[str, Any], *, with_text: bool = False) -> dict[str, Any] | None:
    text = _whole_text(status)[0] if with_text else None
    name = as_name(_id(status))
    return filled(id=name, author=_author(status), text=text, url=post_url(_author(status), name))


def _quoted(status: dict[str, Any]) -> dict[str, Any] | None:
    whole = as_object(status.get("quoted_status"))
    return _summary(whole, with_text=True) or filled(id=as_name(status.get("quoted_status_id_str")))


def _reply_to(status: dict[str, Any]) -> dict[str, Any] | None:
    name = as_name(status.get("in_reply_to_status_id_str")) or as_name(status.get("in_reply_to_status_id"))
    return filled(id=name, author=as_text(status.get("in_reply_to_screen_name")))


def _links(status: dict[str, Any]) -> list[Any]:
    urls = objects(dig(status, "extended_tweet", "entities", "urls")) or objects(
        dig(status, "entities", "urls")
    )
    return present([link(item.get("url"), item.get("expanded_url")) for item in urls])


def _alt_texts(status: dict[str, Any]) -> list[Any]:
    media = objects(dig(status, "extended_tweet", "extended_entities", "media"))
    media = media or objects(dig(status, "extended_entities", "media"))
    return present([item.get("ext_alt_text") for item in media])


X_V1 = Format("x-v1", _recognises, _read)
