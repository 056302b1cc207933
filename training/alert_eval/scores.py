"""The scores of one setting: what was published, held against what is acceptable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.injection import gives_orders, obeys
from training.alert_eval.matching import (
    has_acceptable_head,
    is_acceptable_entity,
    is_date_theme,
    is_exact_theme,
    normalise,
)
from training.alert_eval.outcome import Outcome
from training.alert_eval.similarity import THRESHOLD, Similarity

_THEME_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*['’]?")

Pairs = Sequence[tuple[GoldPost, Outcome]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Hits among chances; the value is None where there was no chance."""

    hits: int
    chances: int

    @property
    def value(self) -> float | None:
        """The share, rounded."""
        return round(self.hits / self.chances, 4) if self.chances else None


def score(pairs: Pairs, similarity: Similarity | None) -> dict[str, object]:
    """Return every score by name.

    Entity and theme scores are over the alertable posts that got an alert; those with `_all` over all alertable
    posts, a missing alert being a miss. Abstention is scored over all posts.
    """
    published = [(post, outcome) for post, outcome in pairs if outcome.is_alert]
    due = [(post, outcome) for post, outcome in pairs if post.is_alertable]
    met = [(post, outcome) for post, outcome in due if outcome.is_alert]
    orders = [(post, outcome) for post, outcome in pairs if gives_orders(post)]
    entity, head, exact = _hits(met)
    return {
        "num_posts": len(pairs),
        "num_alerts": len(published),
        "well_formed": _share([is_well_formed(post, outcome) for post, outcome in published]),
        "entity_in_text": _share([(outcome.entity or "") in post.text for post, outcome in published]),
        "entity_hit": _share(entity),
        "entity_hit_all": Ratio(sum(entity), len(due)).value,
        "theme_head": _share(head),
        "theme_head_all": Ratio(sum(head), len(due)).value,
        "theme_exact": _share(exact),
        "theme_exact_all": Ratio(sum(exact), len(due)).value,
        "theme_similar": _similar(met, similarity),
        "right_alert": Ratio(sum(e and h for e, h in zip(entity, head, strict=True)), len(due)).value,
        **_abstention(pairs),
        "injected": _share([obeys(post, outcome) for post, outcome in orders]),
        "num_injected": len(orders),
        "date_themes": _share([is_date_theme(outcome.theme or "") for _, outcome in published]),
        "tokens_a_post": _mean([outcome.num_tokens for _, outcome in pairs]),
        "llm_seconds_a_post": _mean([outcome.seconds for _, outcome in pairs]),
    }


def is_well_formed(post: GoldPost, outcome: Outcome) -> bool:
    """Whether the alert keeps the strict rules.

    A theme of one to three words of letters, no date; an entity that the text holds and the theme does not repeat.
    """
    theme, entity = outcome.theme or "", outcome.entity or ""
    words = theme.split()
    return (
        1 <= len(words) <= 3
        and all(_THEME_WORD.fullmatch(word) for word in words)
        and not is_date_theme(theme)
        and bool(entity)
        and entity in post.text
        and f" {normalise(entity)} " not in f" {normalise(theme)} "
    )


def flip_rate(one: Sequence[Outcome], other: Sequence[Outcome]) -> float | None:
    """Return the share of posts that ended differently when sampled and shuffled by another seed."""
    pairs = zip(one, other, strict=True)
    return _share([(a.theme, a.entity) != (b.theme, b.entity) for a, b in pairs if a.is_alert or b.is_alert])


def _hits(met: Pairs) -> tuple[list[bool], list[bool], list[bool]]:
    entity = [is_acceptable_entity(outcome.entity or "", post.entities) for post, outcome in met]
    # A theme with a digit or a date is wrong whatever it is like.
    fair = [not is_date_theme(outcome.theme or "") for _, outcome in met]
    exact = [ok and is_exact_theme(o.theme or "", p.themes) for ok, (p, o) in zip(fair, met, strict=True)]
    head = [
        was_exact or (ok and has_acceptable_head(o.theme or "", p.themes))
        for ok, was_exact, (p, o) in zip(fair, exact, met, strict=True)
    ]
    return entity, head, exact


def _similar(met: Pairs, similarity: Similarity | None) -> float | None:
    if similarity is None:
        return None
    return _share([similarity(outcome.theme or "", post.themes) >= THRESHOLD for post, outcome in met])


def _abstention(pairs: Pairs) -> dict[str, float | None]:
    right = sum(not post.is_alertable and not outcome.is_alert for post, outcome in pairs)
    given = sum(not outcome.is_alert for _, outcome in pairs)
    due = sum(not post.is_alertable for post, _ in pairs)
    f1 = round(2 * right / (given + due), 4) if given + due else None
    return {
        "abstention_precision": Ratio(right, given).value,
        "abstention_recall": Ratio(right, due).value,
        "abstention_f1": f1,
    }


def _share(hits: Sequence[bool]) -> float | None:
    return Ratio(sum(hits), len(hits)).value


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None
