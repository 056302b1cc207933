"""The metrics of the annotate agent, besides those of every agent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from prometheus_client import Counter

from models.annotation import STAGES as NETWORK_STAGES
from pipeline.formats.choice import FORMAT_NAMES
from pipeline.formats.envelopes import ENVELOPES, SKIPPED_ENVELOPES
from pipeline.formats.fields import CHANGES
from pipeline.formats.networks.changes import NETWORK_CHANGES
from pipeline.formats.networks.skipped import SKIPPED
from pipeline.messages import ReadAs
from pipeline.monitor.metrics import Metrics, begin_at_zero
from pipeline.topology import ANNOTATE

# The languages of most posts on X. Labels come from a small fixed set, so all others are counted as one.
_LANGUAGES = "ar de en es fr hi id it ja ko nl pl pt ru th tl tr uk ur zh"
_OTHER_LANGUAGE, _IN_DOUBT = "other", "in_doubt"


class AnnotateMetrics(Metrics):
    """Adds how many posts were annotated, and as what their records were read."""

    def __init__(self) -> None:
        super().__init__(ANNOTATE.name, stages=(*NETWORK_STAGES, "language", "annotate"))
        counter = partial(Counter, registry=self.registry)
        self.posts_annotated = counter("tocsin_posts_annotated", "Posts annotated and published.")
        self.posts_read = counter("tocsin_posts_read", "Posts found in records.", ["format"])
        self.envelopes_opened = counter(
            "tocsin_envelopes_opened", "Posts that lay in an envelope of this kind.", ["envelope"]
        )
        self.posts_changed = counter(
            "tocsin_posts_changed", "Posts of which something was changed or dropped.", ["change"]
        )
        self.deletions = counter(
            "tocsin_deletions",
            "Deletions of posts by their authors or networks: nothing is published of them.",
        )
        self.items_skipped = counter(
            "tocsin_items_skipped", "Items that are not posts, such as likes: skipped.", ["what"]
        )
        begin_at_zero(self.posts_read, FORMAT_NAMES)
        begin_at_zero(self.envelopes_opened, ENVELOPES)
        begin_at_zero(self.posts_changed, (*CHANGES, *NETWORK_CHANGES))
        begin_at_zero(self.items_skipped, (*SKIPPED, *SKIPPED_ENVELOPES))
        self.post_languages = counter("tocsin_post_languages", "Posts by their language.", ["language"])
        begin_at_zero(self.post_languages, (*_LANGUAGES.split(), _OTHER_LANGUAGE, _IN_DOUBT))

    def count_languages(self, codes: Iterable[str | None]) -> None:
        """Count posts by the codes of their languages; None for a language in doubt."""
        for code in codes:
            label = _IN_DOUBT if code is None else code if code in _LANGUAGES.split() else _OTHER_LANGUAGE
            self.post_languages.labels(label).inc()

    def count(self, read_as: ReadAs) -> None:
        """Count a post by what it was read as."""
        self.posts_read.labels(read_as.format).inc()
        for envelope in read_as.envelopes:
            self.envelopes_opened.labels(envelope).inc()
        for change in read_as.changes:
            self.posts_changed.labels(change).inc()
