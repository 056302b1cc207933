"""The parts of the alert agent, each as the settings say."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.alert.generator import AlertGenerator
from pipeline.alert.longest_prompts import longest_candidate_prompt, longest_selection_prompt
from pipeline.alert.metrics import TOKEN_KINDS, AlertMetrics
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.partition_reader import partition_reader
from pipeline.llm.abilities import AskingStyle
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmRequest
from pipeline.llm.question import Demands
from pipeline.llm.retry import Patience
from pipeline.monitor.progress import Progress
from pipeline.outcomes.ledger import Ledger
from pipeline.settings import Settings


def build_ledger(settings: Settings, progress: Progress) -> Ledger:
    """Return the ledger of the topics of alerts and abstentions, as yet unread."""
    topics = [settings.topic_alerts, settings.topic_abstained]
    return Ledger(
        lambda: partition_reader(Cluster.of(settings), topics),
        abstained_topic=settings.topic_abstained,
        max_age_seconds=settings.ledger_seconds,
        max_posts=settings.ledger_max_posts,
        on_progress=progress.move,
    )


def count_llm_requests(metrics: AlertMetrics, progress: Progress) -> Callable[[LlmRequest], None]:
    """Return what counts finished requests in `metrics` and tells `progress` of them."""

    def count(request: LlmRequest) -> None:
        progress.move()
        metrics.llm_requests.labels(request.outcome).inc()
        metrics.llm_request_seconds.observe(request.seconds)
        for kind in TOKEN_KINDS:
            metrics.llm_tokens.labels(kind).inc(getattr(request, f"{kind}_tokens"))

    return count


def build_llm_client(
    settings: Settings,
    on_request: Callable[[LlmRequest], None],
    *,
    on_state: Callable[[str], None] | None = None,
) -> LlmClient:
    """Return a client that is not yet connected, tells `on_request` of its requests and `on_state` of its troubles."""
    return LlmClient(
        url=settings.llm_url,
        model=settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
        timeout_seconds=settings.llm_timeout_seconds,
        max_requests=settings.llm_max_requests,
        on_request=on_request,
        on_state=on_state,
        style=AskingStyle(settings.llm_constraint, settings.llm_template, settings.llm_think_tokens),
        demands=_demands(settings),
        patience=Patience(give_up_seconds=settings.degraded_after_seconds or float("inf")),
    )


def _demands(settings: Settings) -> Demands:
    is_asked_to_select = settings.selection == "llm" and settings.num_samples > 1
    return Demands(
        num_samples=settings.num_samples,
        temperature=settings.temperature,
        max_tokens=settings.llm_max_tokens,
        candidate_prompt=longest_candidate_prompt(settings.candidate_prompt),
        selection_prompt=longest_selection_prompt() if is_asked_to_select else None,
    )


def build_alert_generator(llm: LlmClient, settings: Settings) -> AlertGenerator:
    """Return the generator that these settings ask for."""
    return AlertGenerator(
        llm,
        num_samples=settings.num_samples,
        temperature=settings.temperature,
        max_tokens=settings.llm_max_tokens,
        selection=settings.selection,
        candidate_prompt=settings.candidate_prompt,
    )
