"""The metrics of the annotate agent, besides those of every agent."""

from __future__ import annotations

from prometheus_client import Counter

from models.annotation import STAGES as NETWORK_STAGES
from pipeline.monitor.metrics import Metrics
from pipeline.topology import ANNOTATE


class AnnotateMetrics(Metrics):
    """Adds how many posts were annotated."""

    def __init__(self) -> None:
        super().__init__(ANNOTATE.name, stages=(*NETWORK_STAGES, "annotate"))
        self.posts_annotated = Counter(
            "tocsin_posts_annotated", "Posts annotated and published.", registry=self.registry
        )
