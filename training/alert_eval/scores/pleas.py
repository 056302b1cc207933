"""Pleas for help at a named place, and whether they were alerted."""

from __future__ import annotations

import re

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.matching import normalise
from training.alert_eval.scores.ratio import Pairs, share
from training.alert_eval.scores.truth import is_right

# Letters to firms: who is stuck there waits for a flight.
_COMPLAINTS = ("airline", "sanders")
# By the themes that annotators gave to pleas. News of others in need has other words: "Trapped residents", "People
# missing", "Donation appeal".
_PLEA_THEME = re.compile(
    r"\b(rescue|help|welfare|shelter|supplies) (\w+ )?(request|check|call|plea)$"
    r"|^(?!volunteer|recovery).*\bneeded$"
    r"|\b(trapped|stranded|stuck)( (in|on|at) \w+| upstairs)?$"
    r"|^missing (person|man|woman|boy|girl|child|\w+man|\w+woman)$"
    r"|^contact lost$|\bat risk$|^plea for help$|^sos\b",
    re.IGNORECASE,
)


def score_pleas(pairs: Pairs) -> dict[str, object]:
    """Return the share of the pleas that got the right alert, and of those that got any."""
    pleas = [(post, result) for post, result in pairs if is_plea(post)]
    return {
        "plea_recall": share([is_right(post, result) for post, result in pleas]),
        "plea_alerted": share([result.is_alert for _, result in pleas]),
        "num_pleas": len(pleas),
    }


def is_plea(post: GoldPost) -> bool:
    """Return whether somebody asks for help, or for somebody missing, by the post's acceptable themes."""
    if not post.is_alertable or post.source.startswith(_COMPLAINTS):
        return False
    return any(_PLEA_THEME.search(normalise(theme)) for theme in post.themes)
