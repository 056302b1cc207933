"""Fields that are no field of a post are kept in its `metadata`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.messages.post import Post

POST_FIELDS = frozenset(field.name for field in msgspec.structs.fields(Post))

OnUnknown = Callable[[dict[str, Any]], None]  # told the fields of one post that are none, by name


def keep_unknown_fields(document: Any) -> dict[str, Any]:
    """Move what is no field of a post into `document["metadata"]`, and return it; what stands there already stays.

    Where `document` is no object, or its `metadata` neither an object nor null, nothing is moved: it is no post.
    """
    if not isinstance(document, dict) or document.keys() <= POST_FIELDS:
        return {}
    metadata = document.get("metadata")
    if not (metadata is None or isinstance(metadata, dict)):
        return {}
    unknown = {name: value for name, value in document.items() if name not in POST_FIELDS}
    for name in unknown:
        del document[name]
    document["metadata"] = unknown | (metadata or {})
    return unknown
