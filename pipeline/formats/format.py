"""What a format is: how a document of it is recognised, and which posts and deletions lie in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import RecordError
from pipeline.messages.post import Post, ReadAs
from pipeline.settings.checks import PostFormatName


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A post as a format gives it: `fields` makes it a `Post`.

    A format copies values as they are (a number as id, seconds as time): making them fit is the work of `fields`. It
    raises nothing for a missing `id` or `text`: it leaves them None, and `fields` says so.

    Attributes:
        id: with the name of the network where ids are numbers of that network alone need no prefix: as the network
            gives it.
        text: of the post itself. Text that quotes, wraps or replies is not mixed in.
        metadata: what is worth keeping: language-independent facts such as the post that is quoted or replied to.
    """

    id: Any
    text: Any
    created_at: Any = None
    lang: Any = None
    source: Any = None
    author: Any = None
    url: Any = None
    metadata: Any = None
    changes: tuple[str, ...] = ()  # what the format itself changed: "html", "note_tweet", "retweeted_status"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The author or the network has withdrawn the post with this id."""

    id: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing that could be a post: a like, a follow, a keep-alive, a join of a group.

    Attributes:
        what: a code for metrics, from a small fixed set: "like", "follow", "account", "service_message".
    """

    what: str


@dataclass(frozen=True, slots=True)
class Unread:
    """An item of a document with several that cannot be read; the others are not harmed."""

    error: RecordError
    document: Any


Item = Draft | Deletion | Skipped


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: in settings, metrics and provenance.
        recognises: whether a document is certainly of this format, by its shape; no two formats say yes to one.
            `auto` asks it. A document is what JSON gives, or for XML the text.
        read: the posts and deletions in a document of this format. Also called without `recognises`, if the setting
            names the format; it must raise nothing but `InvalidMessageError`, whatever the document.
    """

    name: PostFormatName
    recognises: Callable[[Any], bool]
    read: Callable[[Any], Iterable[Item]]


@dataclass(frozen=True, slots=True)
class ReadPost:
    """A post of a record.

    Attributes:
        index: place among the items of its record; None if the record held one item.
    """

    post: Post
    read_as: ReadAs = field(default_factory=lambda: ReadAs(format="tocsin"))
    index: int | None = None


@dataclass(frozen=True, slots=True)
class BadPost:
    """An item of a record with several that is not a post; the others are not harmed.

    Attributes:
        error: why.
        value: the item's own bytes, for its dead letter.
    """

    error: RecordError
    value: bytes
    index: int | None = None


Reading = ReadPost | BadPost | Deletion | Skipped
