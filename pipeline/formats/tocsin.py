"""Our own form, `Post`: any JSON object with `id` and `text`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Draft, Format, Item
from pipeline.messages.unknown_fields import POST_FIELDS, keep_unknown_fields


def _recognises(document: Any) -> bool:
    return isinstance(document, dict) and "text" in document and "id" in document


def _read(document: Any) -> Iterable[Item]:
    if not isinstance(document, dict):
        raise InvalidMessageError("not a Post: Expected `object`")
    document = dict(document)
    keep_unknown_fields(document)
    fields = {name: document.get(name) for name in POST_FIELDS}
    return [Draft(**fields)]


TOCSIN = Format("tocsin", _recognises, _read)
