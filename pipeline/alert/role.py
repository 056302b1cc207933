"""The process of the alert agent: from settings to a running agent."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from pipeline.alert.agent import AlertAgent
from pipeline.alert.build import build_alert_generator, build_ledger, count_llm_requests, llm_options
from pipeline.alert.metrics import AlertMetrics
from pipeline.errors import LlmUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.llm.client import LlmClient
from pipeline.outage import until_it_works
from pipeline.settings import Settings
from pipeline.stopping import Stop
from pipeline.stream.outbox import Outbox
from pipeline.stream.process import AgentProcess
from pipeline.topology import ALERT

logger = logging.getLogger(__name__)


async def run_alert(settings: Settings) -> int:
    """Run the alert agent until SIGTERM or Ctrl-C; returns the exit status.

    Raises:
        TocsinError: the settings, Kafka or the consumer group do not let it run.
    """
    Cluster.of(settings)  # a mistake in the login's files is reported before anything is started
    warn_of_short_stall(settings)
    metrics = AlertMetrics()
    process = AgentProcess(ALERT, settings, metrics)
    readiness = process.health.readiness
    count = count_llm_requests(metrics, process.progress)
    clients = AsyncExitStack()

    async def connect() -> LlmClient:
        # The readiness takes an empty reason for "usable".
        return await LlmClient.connect(
            llm_options(settings), on_request=count, on_state=readiness.llm_not_usable
        )

    async def build(publisher: Publisher) -> AlertAgent:
        llm = await until_it_works(connect, on=LlmUnavailableError, on_failure=readiness.llm_not_usable)
        clients.push_async_callback(llm.close)
        readiness.llm_usable()
        return AlertAgent(
            build_alert_generator(llm, settings),
            Outbox(publisher, metrics, role=ALERT, settings=settings),
            build_ledger(settings, process.progress),
            metrics,
            max_posts=settings.llm_max_requests,
        )

    async with clients:
        return await process.run(build, stop=Stop.on_signal())


def warn_of_short_stall(settings: Settings) -> None:
    """Log a warning if one slow answer of the LLM would look like a stall: only a finished request is progress."""
    stall, timeout = settings.stall_seconds, settings.llm_timeout_seconds
    if stall > timeout:
        return
    end = " and end this process (TOCSIN_STALL_EXIT)" if settings.stall_exit else ""
    logger.warning(
        "TOCSIN_STALL_SECONDS=%g is not longer than TOCSIN_LLM_TIMEOUT_SECONDS=%g: a slow answer of the LLM would look "
        "like a stall%s",
        stall,
        timeout,
        end,
    )
