"""Posts with every alert that is acceptable: `alert_gold/dev.jsonl` and files of its form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.corpora.lines import read_json_lines


@dataclass(frozen=True, slots=True)
class GoldPost:
    """A post, what an alert about it may say, or why there should be none."""

    id: str
    text: str
    is_alertable: bool
    reason: str | None  # no_entity, no_event or nonsense; None where alertable
    entities: tuple[str, ...]  # acceptable, best first
    themes: tuple[str, ...]  # acceptable, best first
    sentiment: str


def read_gold_posts(path: Path) -> list[GoldPost]:
    """Read a file of the gold set's form, or of `alert_train`'s (its pairs then say what is acceptable).

    Raises:
        CorpusError: the file cannot be opened, or lines are damaged.
    """
    return read_json_lines(path, _parse)


def _parse(line: dict[str, Any]) -> GoldPost:
    text, is_alertable = line.get("text"), line.get("alertable")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(is_alertable, bool):
        raise ValueError("`alertable` must be true or false")
    try:
        entities, themes = _acceptable(line)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"neither `entities` and `themes` nor `alerts` as they should be ({error!r})"
        ) from error
    if is_alertable and not (entities and themes):
        raise ValueError("alertable, without an acceptable entity or theme")
    reason, sentiment = line.get("reason"), str(line.get("sentiment"))
    return GoldPost(str(line.get("id")), text, is_alertable, reason, entities, themes, sentiment)


def _acceptable(line: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "alerts" in line:
        pairs = line["alerts"]
        return _distinct(pair["entity"] for pair in pairs), _distinct(pair["theme"] for pair in pairs)
    return _distinct(line["entities"]), _distinct(line["themes"])


def _distinct(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(text) for text in texts))
