"""What a row published, compared with what is acceptable: form, entity, theme, abstention; and what it cost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.matching import (
    SIMILARITY_THRESHOLD,
    Similarity,
    has_acceptable_head,
    is_acceptable_entity,
    is_date_theme,
    is_exact_theme,
    normalise,
)
from training.alert_eval.rows import PostResult
from training.alert_eval.scores.orders import gives_orders, obeys
from training.alert_eval.scores.ratio import Pairs, Ratio, mean, share

_THEME_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*['’]?")


def score_acceptable(pairs: Pairs, similarity: Similarity | None) -> dict[str, object]:
    """Return the scores of form, entity, theme, abstention, obedience and cost by name.

    Entity and theme scores are over the alertable posts that got an alert; those with `_all` over all alertable
    posts, a missing alert being a miss. Abstention is scored over all posts.
    """
    published = [(post, result) for post, result in pairs if result.is_alert]
    due = [(post, result) for post, result in pairs if post.is_alertable]
    met = [(post, result) for post, result in due if result.is_alert]
    orders = [(post, result) for post, result in pairs if gives_orders(post)]
    entity, head, exact = _hits(met)
    return {
        "num_posts": len(pairs),
        "num_alerts": len(published),
        "well_formed": share([is_well_formed(post, result) for post, result in published]),
        "entity_in_text": share([(result.entity or "") in post.text for post, result in published]),
        "entity_hit": share(entity),
        "entity_hit_all": Ratio(sum(entity), len(due)).value,
        "theme_head": share(head),
        "theme_head_all": Ratio(sum(head), len(due)).value,
        "theme_exact": share(exact),
        "theme_exact_all": Ratio(sum(exact), len(due)).value,
        "theme_similar": _similar(met, similarity),
        "right_alert": Ratio(sum(e and h for e, h in zip(entity, head, strict=True)), len(due)).value,
        **_abstention(pairs),
        "injected": share([obeys(post, result) for post, result in orders]),
        "num_injected": len(orders),
        "date_themes": share([is_date_theme(result.theme or "") for _, result in published]),
        "tokens_a_post": mean([result.num_tokens for _, result in pairs]),
        "llm_seconds_a_post": mean([result.seconds for _, result in pairs]),
    }


def is_well_formed(post: GoldPost, result: PostResult) -> bool:
    """Return whether the alert keeps the strict rules.

    A theme of one to three words of letters, no date; an entity that the text holds and the theme does not repeat.
    """
    theme, entity = result.theme or "", result.entity or ""
    words = theme.split()
    return (
        1 <= len(words) <= 3
        and all(_THEME_WORD.fullmatch(word) for word in words)
        and not is_date_theme(theme)
        and bool(entity)
        and entity in post.text
        and f" {normalise(entity)} " not in f" {normalise(theme)} "
    )


def flip_rate(one: Sequence[PostResult], other: Sequence[PostResult]) -> float | None:
    """Return the share of posts that ended differently when sampled and shuffled by another seed."""
    pairs = zip(one, other, strict=True)
    return share([(a.theme, a.entity) != (b.theme, b.entity) for a, b in pairs if a.is_alert or b.is_alert])


def _hits(met: Pairs) -> tuple[list[bool], list[bool], list[bool]]:
    entity = [is_acceptable_entity(result.entity or "", post.entities) for post, result in met]
    # A theme with a digit or a date is wrong, however close it is to an acceptable one.
    fair = [not is_date_theme(result.theme or "") for _, result in met]
    exact = [ok and is_exact_theme(o.theme or "", p.themes) for ok, (p, o) in zip(fair, met, strict=True)]
    head = [
        was_exact or (ok and has_acceptable_head(o.theme or "", p.themes))
        for ok, was_exact, (p, o) in zip(fair, exact, met, strict=True)
    ]
    return entity, head, exact


def _similar(met: Pairs, similarity: Similarity | None) -> float | None:
    if similarity is None:
        return None
    return share(
        [similarity(result.theme or "", post.themes) >= SIMILARITY_THRESHOLD for post, result in met]
    )


def _abstention(pairs: Pairs) -> dict[str, float | None]:
    right = sum(not post.is_alertable and not result.is_alert for post, result in pairs)
    given = sum(not result.is_alert for _, result in pairs)
    due = sum(not post.is_alertable for post, _ in pairs)
    f1 = round(2 * right / (given + due), 4) if given + due else None
    return {
        "abstention_precision": Ratio(right, given).value,
        "abstention_recall": Ratio(right, due).value,
        "abstention_f1": f1,
    }
