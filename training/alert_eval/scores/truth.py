"""Whether alerts are true: those that match a listed wrong alert, stand on a post due none, or state what is denied.

A theme matches a listed one if it is equal or has the same head word. "Explosion" so matches both the right "Explosion
denied" and the wrong "Plant explosion". The nearer of the two then decides (`matching.theme_nearness`), and a tie is
right.
"""

from __future__ import annotations

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.listed_alerts import DENIED, AlertPair, WrongAlert
from training.alert_eval.matching import (
    has_acceptable_head,
    is_acceptable_entity,
    is_date_theme,
    is_exact_theme,
    theme_nearness,
)
from training.alert_eval.rows import PostResult
from training.alert_eval.scores.ratio import Pairs, Ratio, share


def score_truth(pairs: Pairs) -> dict[str, object]:
    """Return the shares of the published alerts that are false, and of the denials that were alerted as fact.

    An alert may count in both parts of `false_share`: it may match a listed wrong alert of a post that is due none.
    """
    published = [(post, result) for post, result in pairs if result.is_alert]
    denials = [(post, result) for post, result in pairs if any(one.why == DENIED for one in post.wrong)]
    due = [(post, result) for post, result in pairs if post.is_alertable]
    are_paired = any(post.pairs for post, _ in due)
    has_wrong = any(post.wrong for post, _ in pairs)
    listed = [bool(wrong_matches(post, result)) for post, result in published]
    return {
        "false_share": share([is_false(post, result) for post, result in published]),
        "listed_wrong_share": share(listed) if has_wrong else None,
        "undue_share": share([not post.is_alertable for post, _ in published]),
        "unlisted_share": share([_is_unlisted(post, result) for post, result in published]),
        "denied_share": share([states_denied(post, result) for post, result in denials]),
        "num_denials": len(denials),
        "right_pair": Ratio(sum(is_right_pair(post, result) for post, result in due), len(due)).value
        if are_paired
        else None,
    }


def is_false(post: GoldPost, result: PostResult) -> bool:
    """Return whether the alert is a listed wrong one, or stands on a post that is due none."""
    return result.is_alert and (not post.is_alertable or bool(wrong_matches(post, result)))


def is_right(post: GoldPost, result: PostResult) -> bool:
    """Return whether the post is due an alert, theme (by head word) and entity are acceptable, and it is not false."""
    theme, entity = result.theme or "", result.entity or ""
    return (
        result.is_alert
        and post.is_alertable
        and not is_date_theme(theme)
        and is_acceptable_entity(entity, post.entities)
        and (is_exact_theme(theme, post.themes) or has_acceptable_head(theme, post.themes))
        and not wrong_matches(post, result)
    )


def _is_unlisted(post: GoldPost, result: PostResult) -> bool:
    return not is_false(post, result) and not is_right(post, result)


def is_right_pair(post: GoldPost, result: PostResult) -> bool:
    """Return whether theme (by head word) and entity are those of one acceptable alert, and no wrong one is nearer."""
    is_fair = not is_date_theme(result.theme or "") and not wrong_matches(post, result)
    return is_fair and any(_nearness(result, pair.theme, pair.entity) > 0 for pair in post.pairs)


def states_denied(post: GoldPost, result: PostResult) -> bool:
    """Return whether the alert says what the post denies."""
    return any(one.why == DENIED for one in wrong_matches(post, result))


def wrong_matches(post: GoldPost, result: PostResult) -> list[WrongAlert]:
    """Return the listed wrong alerts to which the alert is nearer than to every acceptable one."""
    nearest = max((_nearness(result, pair.theme, pair.entity) for pair in _acceptable(post)), default=0)
    return [one for one in post.wrong if _nearness(result, one.theme, one.entity) > nearest]


def _nearness(result: PostResult, theme: str, entity: str | None) -> int:
    """Return how near the theme is (3 equal to 0 unlike); 0 if there is no alert or its entity is another one."""
    if result.theme is None or not (entity is None or is_acceptable_entity(result.entity or "", [entity])):
        return 0
    return theme_nearness(result.theme, theme)


def _acceptable(post: GoldPost) -> tuple[AlertPair, ...]:
    """Return the acceptable pairs; if the file does not say which go together, every one."""
    return post.pairs or tuple(AlertPair(theme, entity) for theme in post.themes for entity in post.entities)
