"""What became of one post, for people who read the outcomes of a run."""

from __future__ import annotations

from dataclasses import asdict

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.rows import PostResult
from training.alert_eval.scores.pleas import is_plea
from training.alert_eval.scores.truth import is_false, is_right, wrong_matches


def describe(post: GoldPost, result: PostResult) -> dict[str, object]:
    """Return the verdict, the listed wrong alerts that the alert matches, and whether the post is a plea.

    Verdicts: `right`, `false` and `unlisted` of alerts; `missed` and `abstained` if none was published, on a post that
    is due one and on another.
    """
    wrong = [asdict(one) for one in wrong_matches(post, result)]
    return {"verdict": _verdict(post, result), "wrong": wrong, "is_plea": is_plea(post)}


def _verdict(post: GoldPost, result: PostResult) -> str:
    if not result.is_alert:
        return "missed" if post.is_alertable else "abstained"
    if is_false(post, result):
        return "false"
    return "right" if is_right(post, result) else "unlisted"
