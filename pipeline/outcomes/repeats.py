"""Which posts of a file get no outcome of their own, because their id came before. The rule is the ledger's."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.messages import Alert, Post
from pipeline.outcomes.outcome import Outcome


class Repeats:
    """Counts them: the same text under the same id at once, an edit as soon as its post has an alert.

    Args:
        posts: the posts of the file, in order.
    """

    def __init__(self, posts: Iterable[Post]) -> None:
        self.number = 0
        self._texts: dict[str, list[str]] = {}  # the different texts of each post, in order
        for post in posts:
            texts = self._texts.setdefault(post.id, [])
            if post.text in texts:
                self.number += 1
            else:
                texts.append(post.text)

    def note(self, outcome: Outcome) -> None:
        """Count the edits that are skipped because of this alert: the later ones."""
        if isinstance(outcome, Alert):
            texts = self._texts.pop(outcome.post.id, [outcome.post.text])
            self.number += len(texts) - 1 - texts.index(outcome.post.text)
