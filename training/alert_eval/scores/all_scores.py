"""Every score of one row."""

from __future__ import annotations

from training.alert_eval.matching import Similarity
from training.alert_eval.scores.acceptable import score_acceptable
from training.alert_eval.scores.confidence import score_confidence
from training.alert_eval.scores.pleas import score_pleas
from training.alert_eval.scores.ratio import Pairs
from training.alert_eval.scores.truth import score_truth


def score(pairs: Pairs, similarity: Similarity | None) -> dict[str, object]:
    """Return every score by name.

    Entity and theme scores are over the alertable posts that got an alert; those with `_all` over all alertable
    posts, a missing alert being a miss. Abstention is scored over all posts, truth over the published alerts.
    """
    return {
        **score_acceptable(pairs, similarity),
        **score_truth(pairs),
        **score_pleas(pairs),
        **score_confidence(pairs),
    }
