"""Our own form, `Post`: any JSON object with `id` and `text`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.fields import METADATA_KIND, TEXT_NULL
from pipeline.formats.format import Draft, Format, Item
from pipeline.formats.networks.shape import has_own_text
from pipeline.messages.unknown_fields import POST_FIELDS, keep_unknown_fields


def read_own(document: Any) -> tuple[Draft, dict[str, Any]]:
    """Return the draft, and the fields that a post does not define, which are in its metadata.

    Raises:
        InvalidMessageError: the document is no object.
    """
    if not isinstance(document, dict):
        raise InvalidMessageError("not a Post: Expected `object`")
    changes: tuple[str, ...] = ()
    unknown: dict[str, Any] = {}
    if not document.keys() <= POST_FIELDS:
        document = dict(document)
        metadata = document.get("metadata")
        if not (metadata is None or isinstance(metadata, dict)):
            document["metadata"] = {"metadata": metadata}
            changes = (METADATA_KIND,)
        unknown = keep_unknown_fields(document)
    post_id, exact = document.get("id"), unknown.get("id_str")
    # Programs in JavaScript round large numbers, hence the second form.
    if not isinstance(post_id, str) and isinstance(exact, str) and exact:
        post_id = exact
    text = document.get("text")
    # A post of pictures alone.
    if text is None and "text" in document:
        text, changes = "", (*changes, TEXT_NULL)
    fields = {name: value for name, value in document.items() if name not in ("id", "text")}
    return Draft(id=post_id, text=text, changes=changes, **fields), unknown


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and has_own_text(document)


def _read(document: Any) -> Iterable[Item]:
    return [read_own(document)[0]]


TOCSIN = Format("tocsin", _recognises, _read)
