"""From a batch of a source to records: what is a duplicate, filtered, skipped or bad is counted and left out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from pipeline.errors import RecordError, UndecodableError
from pipeline.formats.choice import header_of
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.messages.codec import encode
from pipeline.messages.headers import Header
from pipeline.messages.record import Outgoing
from pipeline.printable import printable
from pipeline.settings import Settings
from pipeline.sources.live.runner.filters import PostFilter
from pipeline.sources.live.runner.metrics import SourceMetrics

logger = logging.getLogger(__name__)

# A reconnected source repeats some seconds: at 20,000 posts a second, five of them.
_MAX_REMEMBERED = 100_000
_MAX_LOGGED = 20  # bad items of one process; the metrics count all


class Intake:
    """Makes records of what a source gives.

    Args:
        max_remembered: how many of the last items are known again.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: SourceMetrics,
        post_filter: PostFilter,
        *,
        max_remembered: int = _MAX_REMEMBERED,
    ) -> None:
        self._topic = settings.topic_posts
        self._max_bytes = settings.max_post_bytes
        self._metrics = metrics
        self._filter = post_filter
        self._max_remembered = max_remembered
        self._seen: dict[int, int] = {}  # by the hash of an id: that of what the post was last
        self._num_logged = 0

    def records(self, items: Sequence[Reading], headers: Sequence[Sequence[Header]] = ()) -> list[Outgoing]:
        """Return the records to publish, in order: posts in our own form, and tombstones for deletions.

        Args:
            headers: of each item, those that its record gets; empty: none.
        """
        carried = headers or [()] * len(items)
        made = ((self._record(item), more) for item, more in zip(items, carried, strict=True))
        return [_with_headers(record, more) for record, more in made if record and self._is_new(record)]

    def refuse(self, error: RecordError, what: str = "") -> None:
        """Count an item that cannot be read or published, and log the first few."""
        self._metrics.count_bad(error.reason)
        if self._num_logged < _MAX_LOGGED:
            self._num_logged += 1
            logger.warning("an item of the source is left out: %s%s", error, what and f": {printable(what)}")

    def _record(self, item: Reading) -> Outgoing | None:
        match item:
            case ReadPost():
                return self._post(item)
            case Deletion():
                return Outgoing(self._topic, item.id.encode(), None)
            case Skipped():
                self._metrics.count_skipped(item.what)
            case BadPost():
                self.refuse(item.error, item.value[:200].decode(errors="replace"))
        return None

    def _post(self, item: ReadPost) -> Outgoing | None:
        if by := self._filter.why_not(item.post):
            self._metrics.count_filtered(by)
            return None
        value = encode(item.post)
        if len(value) > self._max_bytes:  # the annotate agent would not take it
            self.refuse(
                UndecodableError(f"{len(value)} bytes: at most {self._max_bytes} are taken"), item.post.id
            )
            return None
        return Outgoing(self._topic, item.post.id.encode(), value, [header_of(item.read_as)])

    def _is_new(self, record: Outgoing) -> bool:
        # Only what a post was last counts: one that was edited, or withdrawn, and then comes as before has changed.
        # Python's hash is keyed anew in each process, so nobody can make two posts collide.
        key, value = hash(record.key), hash(record.value)
        if self._seen.get(key) == value:
            self._metrics.duplicates.inc()
            return False
        self._seen.pop(key, None)
        self._seen[key] = value
        if len(self._seen) > self._max_remembered:
            del self._seen[next(iter(self._seen))]
        return True


def _with_headers(record: Outgoing, headers: Sequence[Header]) -> Outgoing:
    return replace(record, headers=[*record.headers, *headers]) if headers else record
