"""Posts with good alerts, and with wrong ones where annotators listed them: lines of `alert_train` and `alert_hard`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.corpora.lines import read_json_lines

# In the real world a thing that the post does not say may still be so: such labels teach the judge less surely.
_WHY_WEIGHTS = {"not_said": 0.5}
_WEAK = 0.5


@dataclass(frozen=True, slots=True)
class AlertPair:
    """One good alert of a post."""

    theme: str
    entity: str  # an exact substring of the post


@dataclass(frozen=True, slots=True)
class JudgedAlert:
    """An alert and whether it is true by its post.

    Attributes:
        pair: the alert.
        is_true: the annotator's verdict.
        weight: of the verdict in the loss; 1 if the label is sure.
    """

    pair: AlertPair
    is_true: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AlertPost:
    """A post, the alerts that it allows (best first, none if no alert is due), and the entities that it names.

    Attributes:
        judged: other alerts, right and wrong ones: tempting ones that annotators listed, and the writer's own samples.
    """

    id: str
    text: str
    alerts: tuple[AlertPair, ...]
    entities: tuple[str, ...]  # each an exact substring of the text
    sentiment: str
    judged: tuple[JudgedAlert, ...] = ()


def read_alert_posts(path: Path) -> list[AlertPost]:
    """Read a file of posts with alerts; raises CorpusError."""
    return read_json_lines(path, _parse)


def read_verdicts(path: Path) -> dict[str, tuple[JudgedAlert, ...]]:
    """Read verdicts on alerts that a writer sampled, by the ids of their posts.

    A line holds `id`, `theme`, `entity` and `verdict`, which is true, false or weak. A weak alert is not false, but
    nobody would want it; the judge learns to say no to it, with less weight.

    Raises:
        CorpusError: the file cannot be read.
    """
    verdicts: dict[str, tuple[JudgedAlert, ...]] = {}
    for post_id, judged in read_json_lines(path, _parse_verdict):
        verdicts[post_id] = (*verdicts.get(post_id, ()), judged)
    return verdicts


def with_verdicts(
    posts: Sequence[AlertPost], verdicts: Mapping[str, tuple[JudgedAlert, ...]]
) -> list[AlertPost]:
    """Return the posts with the verdicts on sampled alerts beside those on listed ones."""
    return [replace(post, judged=(*post.judged, *verdicts.get(post.id, ()))) for post in posts]


def _parse(line: dict[str, Any]) -> AlertPost:
    text = line.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    try:
        alerts = tuple(map(_pair, line["alerts"]))
        entities = tuple(str(entity["text"]) for entity in line["entities"])
        wrong = tuple(
            JudgedAlert(_pair(pair), is_true=False, weight=_WHY_WEIGHTS.get(pair.get("why"), 1.0))
            for pair in line.get("wrong", ())
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"`alerts`, `wrong` or `entities` do not have the form of alert_hard ({error!r})"
        ) from error
    named = (*entities, *(pair.entity for pair in alerts), *(judged.pair.entity for judged in wrong))
    unfound = [name for name in named if name not in text]
    if unfound:
        raise ValueError(f"{unfound[0]!r} is not a substring of the text")
    return AlertPost(str(line.get("id")), text, alerts, entities, str(line.get("sentiment")), wrong)


def _pair(pair: dict[str, Any]) -> AlertPair:
    return AlertPair(str(pair["theme"]), str(pair["entity"]))


def _parse_verdict(line: dict[str, Any]) -> tuple[str, JudgedAlert]:
    names = ("id", "theme", "entity")
    if not all(isinstance(line.get(name), str) for name in names):
        raise ValueError(f"{', '.join(f'`{name}`' for name in names)} must be strings")
    verdict = line.get("verdict")
    if verdict not in ("true", "false", "weak"):
        raise ValueError(f"`verdict` is {verdict!r}: expected true, false or weak")
    weight = _WEAK if verdict == "weak" else 1.0
    return line["id"], JudgedAlert(_pair(line), verdict == "true", weight)
