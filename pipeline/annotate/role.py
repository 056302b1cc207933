"""The process of the annotate agent: from settings to a running agent."""

from __future__ import annotations

import asyncio

from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.network import load_annotator
from pipeline.annotate.reading import RecordReader
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.settings import Settings
from pipeline.stopping import Stop, unless
from pipeline.stream.outbox import Outbox
from pipeline.stream.process import AgentProcess
from pipeline.topology import ANNOTATE


async def run_annotate(settings: Settings) -> int:
    """Run the annotate agent until SIGTERM or Ctrl-C; returns the exit status.

    Raises:
        TocsinError: the settings, Kafka or the consumer group do not let it run.
    """
    Cluster.of(settings)  # a mistake in the login's files is reported before the network is loaded
    metrics = AnnotateMetrics()
    reader = RecordReader(settings, metrics)  # so is a mistake in the mapping
    stop = Stop.on_signal()
    annotator = await unless(asyncio.to_thread(load_annotator, settings), stop.wait())
    if annotator is None:
        return 0

    async def build(publisher: Publisher) -> AnnotateAgent:
        outbox = Outbox(publisher, metrics, role=ANNOTATE, settings=settings)
        return AnnotateAgent(annotator, outbox, metrics, reader=reader)

    return await AgentProcess(ANNOTATE, settings, metrics).run(build, stop=stop)
