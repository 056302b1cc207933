"""The alerts that a file of posts lists: those that are right together, and those that are wrong.

`alert_hard` lists wrong alerts under `wrong`, a gold file may list them under `wrong_themes`. Both keys take the same
forms: objects with `theme` and, if known, `entity` and `why`; or strings, "theme" or "theme: entity".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DENIED = "denied"  # the `why` of a wrong alert whose event the post denies

_WRONG_KEYS = ("wrong", "wrong_themes")


@dataclass(frozen=True, slots=True)
class AlertPair:
    """An acceptable alert: this theme with this entity."""

    theme: str
    entity: str


@dataclass(frozen=True, slots=True)
class WrongAlert:
    """An alert that the post does not bear out."""

    theme: str
    entity: str | None = None  # None: wrong whatever the entity
    why: str | None = None  # `denied`, `wrong_event` and so on; None if the file does not say


def parse_pairs(value: object) -> tuple[AlertPair, ...]:
    """Return the pairs of the key `alerts`, best first; raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"`alerts` must be a list, found {type(value).__name__}")
    pairs = (_fields("alerts", item, ("theme", "entity"), ()) for item in value)
    return tuple(AlertPair(str(pair["theme"]), str(pair["entity"])) for pair in pairs)


def parse_wrong(line: Mapping[str, Any]) -> tuple[WrongAlert, ...]:
    """Return the wrong alerts of a line; none if it lists none; raises ValueError."""
    found: list[WrongAlert] = []
    for key in _WRONG_KEYS:
        value = line.get(key)
        if value is None:
            continue
        if not isinstance(value, list):
            raise ValueError(f"`{key}` must be a list, found {type(value).__name__}")
        found += [_wrong_alert(key, item) for item in value]
    return tuple(found)


def _wrong_alert(key: str, item: object) -> WrongAlert:
    if isinstance(item, str):
        theme, _, entity = (part.strip() for part in item.partition(":"))
        if not theme:
            raise ValueError(f"`{key}` holds a text without a theme: {item!r}")
        return WrongAlert(theme, entity or None)
    fields = _fields(key, item, ("theme",), ("entity", "why"))
    return WrongAlert(str(fields["theme"]), fields["entity"], fields["why"])


def _fields(
    key: str, item: object, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, str | None]:
    if not isinstance(item, dict):
        raise ValueError(f"`{key}` must hold objects with {' and '.join(required)}, found {item!r}")
    fields: dict[str, str | None] = {}
    for name in (*required, *optional):
        text = item.get(name)
        is_text = isinstance(text, str) and bool(text.strip())
        if not is_text and (name in required or text is not None):
            raise ValueError(f"`{name}` in `{key}` must be a non-empty string, found {text!r}")
        fields[name] = text
    return fields
