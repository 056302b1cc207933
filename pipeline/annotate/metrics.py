"""The metrics of the annotate agent, besides those of every agent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import get_args

from prometheus_client import Counter

from models.annotation import STAGES as NETWORK_STAGES
from pipeline.messages import ReadAs
from pipeline.monitor.metrics import Metrics, begin_at_zero
from pipeline.settings.checks import PostFormatName
from pipeline.topology import ANNOTATE

# The languages of most posts on X. Labels come from a small fixed set, so all others are counted as one.
_LANGUAGES = "ar de en es fr hi id it ja ko nl pl pt ru th tl tr uk ur zh"
_OTHER_LANGUAGE, _IN_DOUBT = "other", "in_doubt"
_FORMATS = ("mapping", *(name for name in get_args(PostFormatName) if name != "auto"))


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
        self.post_languages = counter("tocsin_post_languages", "Posts by their language.", ["language"])
        begin_at_zero(self.posts_read, _FORMATS)
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
