"""The metrics of the alert agent, besides those of every agent; the labels are taken from the code that counts."""

from __future__ import annotations

from typing import get_args

from prometheus_client import Counter, Histogram

from pipeline.alert.filters import FILTER_NAMES
from pipeline.alert.outcome import StageName
from pipeline.llm.http import RequestOutcome
from pipeline.messages import AbstentionReason, SelectionMethod
from pipeline.monitor.metrics import SECONDS, Metrics, begin_at_zero
from pipeline.outcomes.ledger import SkipReason
from pipeline.topology import ALERT

VALID = "valid"  # the verdict on a sample that no filter rejected
DEGRADED = "degraded"  # an alert that was not selected, because there was no LLM
TOKEN_KINDS = ("prompt", "completion")
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class AlertMetrics(Metrics):
    """Adds what came of posts and samples, and the requests to the LLM server."""

    def __init__(self) -> None:
        super().__init__(ALERT.name, stages=get_args(StageName))
        self._add_outcomes()
        self._add_llm()

    def _add_outcomes(self) -> None:
        self.posts_skipped = Counter(
            "tocsin_posts_skipped",
            "Posts that had their alert, or an abstention on the same text, already.",
            ["reason"],
            registry=self.registry,
        )
        self.candidates = Counter(
            "tocsin_candidates",
            "Sampled candidates by verdict: valid, or the filter that rejected it.",
            ["verdict"],
            registry=self.registry,
        )
        self.alerts = Counter(
            "tocsin_alerts", "Alerts published, by selection.", ["selected_by"], registry=self.registry
        )
        self.abstentions = Counter(
            "tocsin_abstentions", "Posts without an alert, by reason.", ["reason"], registry=self.registry
        )
        self.confidence = Histogram(
            "tocsin_alert_confidence",
            "Confidence of the alerts that have one, also of those that were held back as doubtful.",
            buckets=CONFIDENCES,
            registry=self.registry,
        )
        begin_at_zero(self.posts_skipped, SkipReason)
        begin_at_zero(self.candidates, (VALID, *FILTER_NAMES))
        begin_at_zero(self.alerts, (*SelectionMethod, DEGRADED))
        begin_at_zero(self.abstentions, AbstentionReason)

    def _add_llm(self) -> None:
        self.llm_requests = Counter(
            "tocsin_llm_requests",
            "Requests to the LLM server, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.llm_request_seconds = Histogram(
            "tocsin_llm_request_seconds",
            "Seconds of one LLM request.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.llm_tokens = Counter(
            "tocsin_llm_tokens", "Tokens as the LLM server counts them.", ["kind"], registry=self.registry
        )
        begin_at_zero(self.llm_requests, get_args(RequestOutcome))
        begin_at_zero(self.llm_tokens, TOKEN_KINDS)
