"""What a system is given of each post: its text, and where wanted its gold entities hidden among others."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.matching import is_acceptable_entity

NUM_OTHERS = 3

_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
_WORD = re.compile(r"\b[^\W\d_]{4,}\b")


@dataclass(frozen=True, slots=True)
class AlertInput:
    """A post as a system sees it."""

    id: str
    text: str
    entities: tuple[str, ...] | None  # None: the network finds them
    sentiment: str | None


def network_input(post: GoldPost) -> AlertInput:
    """Return the post alone: entities and sentiment are the network's."""
    return AlertInput(post.id, post.text, None, None)


def gold_input(post: GoldPost) -> AlertInput:
    """Return the post with its acceptable entities and three other stretches of the text, in the text's order.

    The others are what looks most like names; the same for a post whenever it is asked about.
    """
    seed = int.from_bytes(hashlib.sha256(post.id.encode()).digest()[:4])
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw, nothing secret
    listed = [*post.entities, *_others(post, chance)]
    entities = tuple(sorted(dict.fromkeys(listed), key=post.text.find))
    return AlertInput(post.id, post.text, entities, post.sentiment)


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
