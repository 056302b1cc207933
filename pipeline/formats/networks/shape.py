"""Looking into a stranger's document: any value may be of any type, and nothing here raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def as_object(value: Any) -> dict[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects of an array; the empty list if it is no array."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_text(value: Any) -> str | None:
    """Return the value if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def as_name(value: Any) -> str | None:
    """Return an id as a string, be it one or a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return as_text(value)


def is_integer(value: Any) -> TypeGuard[int]:
    """Return whether the value is an integer; JSON's true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def dig(document: Any, *path: str) -> Any:
    """Return what lies at this path of names, or None."""
    for name in path:
        document = as_object(document).get(name)
    return document


def has_own_text(document: dict[str, Any]) -> bool:
    """Return whether the object is a post in our own form, or of a network that names the fields as we do.

    Then it is no page of posts and no notice of a network, whatever else is in it: its text would be lost.
    """
    return "text" in document and ("id" in document or "id_str" in document)


def filled(**fields: Any) -> dict[str, Any] | None:
    """Return the fields that hold something, or None if none does."""
    return {name: value for name, value in fields.items() if value not in _EMPTY} or None


def link(text: Any, url: Any, start: int | None = None, end: int | None = None) -> dict[str, Any] | None:
    """Return a link for `metadata.links`, or None if it says nothing that the text does not say.

    Args:
        text: what the post shows.
        url: where it leads.
        start: where `text` begins in the post's text, in code points.
        end: where it ends.
    """
    if as_text(url) is None or text == url:
        return None
    return filled(text=text, url=url, start=start, end=end)


def present(values: Sequence[Any]) -> list[Any]:
    """Return the values that hold something."""
    return [value for value in values if value not in _EMPTY]
