"""From the draft of a post to a `Post`: what only travels through is made to fit, and each change is named.

Only `id` and `text` can cost a post. An id that holds control or invisible characters is refused, not mended: two ids
that differ in such characters alone would become one, and ids become keys, file names and lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pipeline.errors import InvalidMessageError
from pipeline.formats import times
from pipeline.formats.document import DOCUMENT_CHANGES, HugeNumber
from pipeline.formats.format import Draft
from pipeline.messages.post import Post, PostId

ID_NUMBER = "id_number"
TEXT_NULL = "text_null"
METADATA_KIND = "metadata_kind"
EXPRESSION_FAILED = "expression_failed"  # of a mapping

# Debezium's, for a long value that an update has left as it was, and that PostgreSQL therefore does not send.
UNAVAILABLE = "__debezium_unavailable_value"

# The fields that only travel through, and where the text of an object lies that stands in one.
_TEXT_KEYS: Mapping[str, tuple[str, ...]] = {
    "lang": ("code", "lang", "language"),
    "source": ("name", "title", "username", "id", "url"),
    "author": (
        *("username", "handle", "screen_name", "acct", "login", "preferredUsername", "name"),
        *("display_name", "displayName", "id_str", "id", "did"),
    ),
    "url": ("url", "href", "expanded_url", "uri", "link"),
}
_NUMBERS_ARE_TEXT = frozenset({"source", "author"})

# Every change that `to_post` makes or `document` has made, by the code that metrics and provenance show.
CHANGES: tuple[str, ...] = (
    ID_NUMBER,
    TEXT_NULL,
    METADATA_KIND,
    EXPRESSION_FAILED,
    *(times.EPOCH, times.FORM, times.KIND),
    *(f"{name}_{kind}" for name in _TEXT_KEYS for kind in ("list", "object", "kind")),
    *(f"{name}_number" for name in sorted(_NUMBERS_ARE_TEXT)),
    *DOCUMENT_CHANGES,
)

_MAX_EXACT_FLOAT = 2**53 - 1  # the next one may have been 2**53 + 1
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_ID = 512

_Note = Callable[[str], None]


def to_post(draft: Draft) -> tuple[Post, tuple[str, ...]]:
    """Return the post, and the codes of all changes: those of the format, and those made here.

    A value that does not fit its field is kept in the metadata under the field's name, unless the metadata has it.

    Raises:
        InvalidMessageError: there is no usable `id` or `text`; the text says what is there instead.
    """
    metadata = draft.metadata
    if (
        _is_text(draft.id, draft.text)
        and _is_text_or_none(draft.lang, draft.source, draft.author, draft.url)
        and (metadata is None or type(metadata) is dict)
        and (draft.created_at is None or (type(draft.created_at) is str and draft.created_at[4:5] == "-"))
    ):
        return _convert(draft.id, draft.text, _fields_of(draft), metadata), draft.changes
    changes = list(draft.changes)
    text = usable_text(draft.text)
    post_id, change = usable_id(draft.id)
    changes += [change] if change else []
    fields, misfits = _fitting(_fields_of(draft), changes.append)
    if not (metadata is None or isinstance(metadata, dict)):
        changes.append(METADATA_KIND)
        metadata = {"metadata": metadata}
    if misfits:
        metadata = misfits | (metadata or {})
    return _convert(post_id, text, fields, metadata), tuple(dict.fromkeys(changes))


def usable_id(value: Any) -> tuple[str, str | None]:
    """Return the id as text, and the code of the change or None.

    Raises:
        InvalidMessageError: it is missing, or cannot be made text without doubt.
    """
    if type(value) is str:
        return value, None
    if type(value) is int and _MIN_INT <= value <= _MAX_INT:
        return str(value), ID_NUMBER
    if isinstance(value, HugeNumber):
        raise InvalidMessageError(f"not a Post: its `id` {value[:40]} is beyond 64 bits: write it as text")
    if type(value) is float:
        # A larger number has lost digits on its way, and another post's id has become the same number.
        if math.isfinite(value) and value.is_integer() and abs(value) <= _MAX_EXACT_FLOAT:
            return str(int(value)), ID_NUMBER
        raise InvalidMessageError(
            f"not a Post: its `id` {value!r} is not a whole exact number: write it as text"
        )
    if value is None:
        raise InvalidMessageError("not a Post: it has no `id`")
    raise InvalidMessageError(f"not a Post: its `id` is {kind_of(value)}, not a text or a number")


def usable_text(value: Any) -> str:
    """Return the text.

    Raises:
        InvalidMessageError: it is missing or is no text.
    """
    if value == UNAVAILABLE:
        raise InvalidMessageError(
            "not a Post: its `text` is Debezium's stand-in for a value that did not change: set REPLICA IDENTITY FULL "
            "on the table"
        )
    if type(value) is str:
        return value
    if value is None:
        raise InvalidMessageError("not a Post: it has no `text`")
    raise InvalidMessageError(f"not a Post: its `text` is {kind_of(value)}, not a text")


def is_usable_id(value: str) -> bool:
    """Whether an id may be a record's key."""
    try:
        msgspec.convert(value, PostId)
    except msgspec.ValidationError:
        return False
    return True


def kind_of(value: Any) -> str:
    """Return what a value is in JSON, with its article."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float, HugeNumber)):
        return "a number"
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), "of another kind")


def _is_text(post_id: Any, text: Any) -> bool:
    return type(post_id) is str and type(text) is str and text != UNAVAILABLE


def _is_text_or_none(*values: Any) -> bool:
    return all(value is None or type(value) is str for value in values)


def _fields_of(draft: Draft) -> dict[str, Any]:
    return {
        "created_at": draft.created_at,
        "lang": draft.lang,
        "source": draft.source,
        "author": draft.author,
        "url": draft.url,
    }


def _convert(post_id: str, text: str, fields: dict[str, Any], metadata: dict[str, Any] | None) -> Post:
    if not is_usable_id(post_id):
        raise InvalidMessageError(f"not a Post: its `id` {_id_problem(post_id)}")
    return Post(id=post_id, text=text, metadata=metadata, **fields)


def _id_problem(post_id: str) -> str:
    if not post_id:
        return "is empty"
    if len(post_id) > _MAX_ID:
        return f"has {len(post_id)} characters: at most {_MAX_ID} are taken"
    return "holds control or invisible characters"


def _fitting(fields: dict[str, Any], note: _Note) -> tuple[dict[str, str | None], dict[str, Any]]:
    """Return the fields as texts, and the values that were not."""
    fitting: dict[str, str | None] = {}
    misfits: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "created_at":
            text, change = (None, None) if value is None else times.to_rfc3339(value)
        else:
            text, change = _to_text(name, value)
        fitting[name] = text
        if change:
            note(change)
            if isinstance(value, (dict, list, bool)) or text is None:
                misfits[name] = value
    return fitting, misfits


def _to_text(name: str, value: Any) -> tuple[str | None, str | None]:
    if value is None or type(value) is str:
        return value, None
    if (
        isinstance(value, (int, float, HugeNumber))
        and not isinstance(value, bool)
        and name in _NUMBERS_ARE_TEXT
    ):
        return str(value), f"{name}_number"
    if isinstance(value, (dict, list)):
        text = _find_text(name, value)
        return text, f"{name}_{('list' if isinstance(value, list) else 'object') if text else 'kind'}"
    return None, f"{name}_kind"


def _find_text(name: str, value: Any) -> str | None:
    """Return the first text in a list or object that may stand for it."""
    if isinstance(value, list):
        return next(filter(None, (_find_text(name, item) for item in value[:10])), None)
    if isinstance(value, dict):
        found = (_scalar(name, value.get(key)) for key in _TEXT_KEYS[name])
        return next(filter(None, found), None)
    return _scalar(name, value)


def _scalar(name: str, value: Any) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool) and name in _NUMBERS_ARE_TEXT
    return str(value) if is_number or type(value) is str else ""
