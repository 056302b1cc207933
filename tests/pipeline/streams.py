"""A stream around an agent of a test, on a broker that is there."""

from __future__ import annotations

from functools import partial

from pipeline.faust_app import StreamSource
from pipeline.kafka_admin import ensure_topics
from pipeline.metrics import Metrics
from pipeline.progress import Progress
from pipeline.readiness import Readiness
from pipeline.records import Agent
from pipeline.settings import Settings
from pipeline.stream import Stream
from pipeline.topic_keeper import TopicKeeper


def make_stream(
    agent: Agent,
    settings: Settings,
    *,
    metrics: Metrics | None = None,
    readiness: Readiness | None = None,
    max_records: int = 10,
    max_wait_seconds: float = 0.1,
) -> Stream:
    """Return a stream of the topic `posts` for the group `group`, not yet running."""
    source = StreamSource(
        settings.brokers,
        "group",
        "posts",
        max_records=max_records,
        max_wait_seconds=max_wait_seconds,
        session_seconds=settings.group_session_seconds,
    )
    return Stream(
        agent,
        source,
        progress=Progress(metrics or Metrics()),
        readiness=readiness or Readiness(),
        topics=TopicKeeper(partial(ensure_topics, settings)),
    )
