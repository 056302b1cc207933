"""Posts with good alerts: lines of `alert_train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.corpora.lines import read_json_lines


@dataclass(frozen=True, slots=True)
class AlertPair:
    """One good alert of a post."""

    theme: str
    entity: str  # an exact substring of the post


@dataclass(frozen=True, slots=True)
class AlertPost:
    """A post, the alerts that it allows (best first, none if no alert is due), and the entities that it names."""

    id: str
    text: str
    alerts: tuple[AlertPair, ...]
    entities: tuple[str, ...]  # each an exact substring of the text
    sentiment: str


def read_alert_posts(path: Path) -> list[AlertPost]:
    """Read a file of posts with alerts; raises CorpusError."""
    return read_json_lines(path, _parse)


def _parse(line: dict[str, Any]) -> AlertPost:
    text = line.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    try:
        alerts = tuple(AlertPair(str(pair["theme"]), str(pair["entity"])) for pair in line["alerts"])
        entities = tuple(str(entity["text"]) for entity in line["entities"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"`alerts` or `entities` do not have the form of alert_train ({error!r})") from error
    unfound = [name for name in (*entities, *(pair.entity for pair in alerts)) if name not in text]
    if unfound:
        raise ValueError(f"{unfound[0]!r} is not a substring of the text")
    return AlertPost(str(line.get("id")), text, alerts, entities, str(line.get("sentiment")))
