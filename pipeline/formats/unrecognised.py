"""Why a document is no post, in the words of the one who sent it: which keys it has, and what is missing."""

from __future__ import annotations

from typing import Any

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.formats.fields import kind_of
from pipeline.printable import printable

_MAX_KEYS = 10
_MAX_KEY = 40


def to_unrecognised(document: Any, envelopes: tuple[str, ...] = ()) -> RecordError:
    """Return the error for a document that no format recognises.

    Args:
        envelopes: what was opened around it.
    """
    if isinstance(document, str):
        return UndecodableError("XML or HTML, but not a feed (RSS or Atom): tocsin reads JSON and feeds")
    where = f" (in {', '.join(envelopes)})" if envelopes else ""
    if not isinstance(document, dict):
        return InvalidMessageError(f"not a Post{where}: {kind_of(document)}, not an object")
    missing = [f"`{name}`" for name in ("id", "text") if name not in document]
    return InvalidMessageError(
        f"not a Post{where}: it has no {' and no '.join(missing)}; {keys_of(document)}. Name its format with "
        "TOCSIN_POST_FORMAT, or map it with TOCSIN_POST_MAPPING"
    )


def keys_of(document: Any) -> str:
    """Return the keys of an object, or what it is instead, as a part of a sentence."""
    if not isinstance(document, dict):
        return f"the document is {kind_of(document)}"
    if not document:
        return "the object is empty"
    shown = [f"`{printable(key, max_characters=_MAX_KEY)}`" for key in list(document)[:_MAX_KEYS]]
    num_more = len(document) - len(shown)
    return f"its keys are {', '.join(shown)}{f' and {num_more} more' if num_more else ''}"
