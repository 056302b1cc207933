"""Which posts of a file get no outcome of their own, because their id came before. The rule is the ledger's."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from pipeline.messages import Alert
from pipeline.messages.record import Outgoing
from pipeline.outcomes.outcome import Outcome


class Repeats:
    """Counts them: the same text under the same id at once, an edit as soon as its post has an alert.

    Args:
        records: the records of the file, in order. Those without a key are not posts.
    """

    def __init__(self, records: Iterable[Outgoing]) -> None:
        self.number = 0
        self._texts: dict[str, list[str]] = {}  # the different texts of each post, in order
        for record in records:
            if record.key is None or record.value is None:
                continue
            texts, text = self._texts.setdefault(record.key.decode(), []), orjson.loads(record.value)["text"]
            if text in texts:
                self.number += 1
            else:
                texts.append(text)

    def note(self, outcome: Outcome) -> None:
        """Count the edits that are skipped because of this alert: the later ones."""
        if isinstance(outcome, Alert):
            texts = self._texts.pop(outcome.post.id, [outcome.post.text])
            self.number += len(texts) - 1 - texts.index(outcome.post.text)
