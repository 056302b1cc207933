"""Posts with every alert that is acceptable, and what a row is given of each post.

The posts are those of `alert_gold/dev.jsonl` and of files of its form, or of `alert_hard` and `alert_train`. A row gets
the text alone, or the text with its gold entities hidden among others.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.alert_eval.listed_alerts import AlertPair, WrongAlert, parse_pairs, parse_wrong
from training.alert_eval.matching import is_acceptable_entity
from training.corpora.lines import read_json_lines

NUM_OTHERS = 3

_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
_WORD = re.compile(r"\b[^\W\d_]{4,}\b")


@dataclass(frozen=True, slots=True)
class GoldPost:
    """A post, what an alert about it may say and what it may not, or why there should be none."""

    id: str
    text: str
    is_alertable: bool
    reason: str | None  # no_entity, no_event or nonsense; None if alertable
    entities: tuple[str, ...]  # acceptable, best first
    themes: tuple[str, ...]  # acceptable, best first
    sentiment: str
    source: str = ""  # the corpus that the post is from
    pairs: tuple[AlertPair, ...] = ()  # which theme goes with which entity; empty if the file does not say
    wrong: tuple[WrongAlert, ...] = ()  # tempting alerts that are false


def read_gold_posts(path: Path) -> list[GoldPost]:
    """Read a file of the gold set's form, or of `alert_hard`'s and `alert_train`'s, whose pairs are acceptable alerts.

    Raises:
        CorpusError: the file cannot be opened, or lines are damaged.
    """
    return read_json_lines(path, _parse)


@dataclass(frozen=True, slots=True)
class AlertInput:
    """A post as a row gets it."""

    id: str
    text: str
    entities: tuple[str, ...] | None  # None: the network finds them
    sentiment: str | None


def network_input(post: GoldPost) -> AlertInput:
    """Return the post alone: entities and sentiment are the network's."""
    return AlertInput(post.id, post.text, None, None)


def gold_input(post: GoldPost) -> AlertInput:
    """Return the post with its acceptable entities and three other stretches of the text, in the text's order.

    The others are the stretches that look most like names. A post always gets the same others.
    """
    seed = int.from_bytes(hashlib.sha256(post.id.encode()).digest()[:4])
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw, nothing secret
    listed = [*post.entities, *_others(post, chance)]
    entities = tuple(sorted(dict.fromkeys(listed), key=post.text.find))
    return AlertInput(post.id, post.text, entities, post.sentiment)


def _parse(line: dict[str, Any]) -> GoldPost:
    text, is_alertable = line.get("text"), line.get("alertable")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(is_alertable, bool):
        raise ValueError("`alertable` must be true or false")
    pairs = parse_pairs(line["alerts"]) if "alerts" in line else ()
    entities = _distinct(pair.entity for pair in pairs) if pairs else _texts(line, "entities")
    themes = _distinct(pair.theme for pair in pairs) if pairs else _texts(line, "themes")
    if is_alertable and not (entities and themes):
        raise ValueError("`alertable` is true, but an acceptable entity or theme is missing")
    return GoldPost(
        id=str(line.get("id")),
        text=text,
        is_alertable=is_alertable,
        reason=line.get("reason"),
        entities=entities,
        themes=themes,
        sentiment=str(line.get("sentiment")),
        source=str(line.get("source", "")),
        pairs=pairs,
        wrong=parse_wrong(line),
    )


def _texts(line: dict[str, Any], key: str) -> tuple[str, ...]:
    if "alerts" in line:
        return ()  # `entities` are then all that the text names, whether or not an alert may be about them
    texts = line.get(key)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"`{key}` must be a list of strings")
    return _distinct(texts)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _others(post: GoldPost, chance: random.Random) -> Sequence[str]:
    found: list[str] = []
    text = re.sub(r"https?://\S*", " ", post.text)
    for pattern in (_NAME, _WORD):
        names = list(dict.fromkeys(pattern.findall(text)))
        chance.shuffle(names)
        found += [
            name for name in names if not is_acceptable_entity(name, post.entities) and name in post.text
        ]
    return list(dict.fromkeys(found))[:NUM_OTHERS]
