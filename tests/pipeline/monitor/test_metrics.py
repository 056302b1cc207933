from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, cast, get_args

import msgspec
import orjson
import pytest
from prometheus_client import generate_latest

from models import Annotator
from pipeline.alert.agent import AlertAgent
from pipeline.alert.build import count_llm_requests
from pipeline.alert.candidates import CheckedSample
from pipeline.alert.filters import FILTER_NAMES
from pipeline.alert.generator import AlertGenerator
from pipeline.alert.metrics import AlertMetrics
from pipeline.alert.outcome import AlertResult, StageName, degraded_alert
from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.language import Languages
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.reading import RecordReader
from pipeline.errors import RecordError
from pipeline.llm.http import LlmRequest, RequestOutcome
from pipeline.messages import AbstentionReason, AnnotatedPost, SelectionMethod, StageTime
from pipeline.messages.codec import encode
from pipeline.messages.record import Record
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.settings import Settings
from pipeline.topology import ALERT, ANNOTATE, ROLES, Role
from tests.pipeline.fakes import (
    FakeAnnotator,
    FakePublisher,
    make_abstention,
    make_alert,
    make_annotated_post,
    make_ledger,
    make_outbox,
    make_record,
    run_agent,
)
from tests.pipeline.role_metrics import make_metrics

# Metrics that stay those of one role: on every agent they would always be 0.
_OWN = {
    "annotate": {
        "tocsin_posts_annotated",
        "tocsin_posts_read",
        "tocsin_envelopes_opened",
        "tocsin_posts_changed",
        "tocsin_deletions",
        "tocsin_items_skipped",
        "tocsin_post_languages",
    },
    "alert": {
        "tocsin_posts_skipped",
        "tocsin_candidates",
        "tocsin_alerts",
        "tocsin_alert_confidence",
        "tocsin_abstentions",
        "tocsin_llm_requests",
        "tocsin_llm_request_seconds",
        "tocsin_llm_tokens",
    },
}


def test_a_process_shows_its_version_and_role() -> None:
    """An operator sees in the metrics which release does which work."""
    metrics = AlertMetrics()
    metrics.build.info({"role": "alert"})
    version = metadata.version("tocsin")
    line = f'tocsin_build_info{{role="alert",version="{version}"}} 1.0'
    assert line in generate_latest(metrics.registry).decode().splitlines()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_process_shows_the_metrics_of_its_role_alone(role: Role) -> None:
    """A panel over both jobs would count metrics that the other agent never has."""
    metrics = make_metrics(role)
    shown = _names(metrics)
    of_every_agent = _names(Metrics(role.name))
    assert shown >= of_every_agent
    own = shown - of_every_agent
    assert own >= _OWN.get(role.name, set())
    others = [_names(make_metrics(other)) for other in ROLES if other != role]
    assert [names & own for names in others if names & own] == []
    assert {series[1].get("agent", role.name) for series in _series(metrics)} == {role.name}


def _names(metrics: Metrics) -> set[str]:
    return {metric.name for metric in metrics.registry.collect()}


def _series(metrics: Metrics) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what a scrape sees, without the lag, which exists once a partition does."""
    for metric in metrics.registry.collect():
        if metric.name.startswith("tocsin_") and metric.name not in ("tocsin_lag", "tocsin_build"):
            for sample in metric.samples:
                yield sample.name, sample.labels


def _snapshot(metrics: Metrics) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(name, tuple(sorted(labels.items()))) for name, labels in _series(metrics)}


def _errors(base: type[RecordError] = RecordError) -> Iterator[type[RecordError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _errors(kind)


def _raising(error: type[RecordError]) -> Callable[[AnnotatedPost], AlertResult]:
    def fail(post: AnnotatedPost) -> AlertResult:
        raise error("no")

    return fail


def _abstaining(reason: AbstentionReason) -> Callable[[AnnotatedPost], AlertResult]:
    def abstain(post: AnnotatedPost) -> AlertResult:
        samples = tuple(CheckedSample("x", None, name) for name in FILTER_NAMES)
        now = datetime.now(UTC)
        times = tuple(StageTime(name=name, started_at=now, seconds=0.1) for name in get_args(StageName))
        outcome = msgspec.structs.replace(make_abstention(post), reason=reason)
        return AlertResult(outcome=outcome, samples=samples, times=times)

    return abstain


def _selecting(method: SelectionMethod) -> Callable[[AnnotatedPost], AlertResult]:
    def alert(post: AnnotatedPost) -> AlertResult:
        made = make_alert(post)
        provenance = msgspec.structs.replace(made.provenance, selected_by=method)
        outcome = msgspec.structs.replace(made, provenance=provenance)
        return AlertResult(
            outcome=outcome, samples=(CheckedSample("x", None, None),), chosen=0, method=method
        )

    return alert


class ScriptedGenerator:
    """A fake that follows the nth script for the nth post."""

    def __init__(self) -> None:
        self.scripts = [
            *map(_raising, _errors()),
            *map(_abstaining, AbstentionReason),
            *map(_selecting, SelectionMethod),
            degraded_alert,
        ]

    async def generate(self, post: AnnotatedPost) -> AlertResult:
        return self.scripts[int(post.post.id)](post)


def _annotated(number: int) -> Record:
    return make_record(encode(make_annotated_post(post_id=str(number))), offset=number, topic="annotated")


async def test_an_alert_agent_has_every_series_from_the_start() -> None:
    """Every possible outcome has a series, so that the first burst after a start has a rate."""
    metrics = AlertMetrics()
    before = _snapshot(metrics)
    generator = ScriptedGenerator()
    outbox = make_outbox(FakePublisher(), metrics, ALERT)
    agent = AlertAgent(cast(AlertGenerator, generator), outbox, make_ledger(), metrics, max_posts=4)
    posts = [_annotated(number) for number in range(len(generator.scripts))]
    odd = [make_record(value, topic="annotated") for value in (None, b"", b"{}", b"[" * 1000)]
    await run_agent(agent, [*posts, *posts, *odd])
    count = count_llm_requests(metrics, Progress(metrics))
    for outcome in get_args(RequestOutcome):
        count(LlmRequest("sample", outcome, 0.1, 1, 1))
    assert _snapshot(metrics) == before
    assert metrics.registry.get_sample_value("tocsin_alerts_total", {"selected_by": "degraded"}) == 1
    assert metrics.registry.get_sample_value("tocsin_llm_tokens_total", {"kind": "completion"}) == len(
        get_args(RequestOutcome)
    )


async def test_an_annotate_agent_has_every_series_from_the_start() -> None:
    """Its dead letters have a series for each stage and reason."""
    metrics = AnnotateMetrics()
    before = _snapshot(metrics)

    class Refusing(FakePublisher):
        async def publish(self, records: Any) -> int:
            return await super().publish([r.fallback() if r.fallback else r for r in records])

    for publisher in (FakePublisher(), Refusing()):
        outbox = make_outbox(publisher, metrics, ANNOTATE)
        reader = RecordReader(Settings(max_post_bytes=1_000), metrics)
        agent = AnnotateAgent(
            cast(Annotator, FakeAnnotator()), outbox, metrics, reader=reader, languages=Languages(None)
        )
        texts = ("refuse", "crash", "fine")
        values = [orjson.dumps({"id": text, "text": text}) for text in texts]
        records = [make_record(value) for value in (*values, None, b"", b"{}", b"x" * 2_000)]
        await run_agent(agent, [replace(record, offset=n) for n, record in enumerate(records)])
    assert _snapshot(metrics) == before
    too_large = {"stage": "annotate", "reason": "outcome_too_large"}
    assert metrics.registry.get_sample_value("tocsin_dead_letters_total", too_large) == 1
    assert metrics.registry.get_sample_value("tocsin_tombstones_total", {"agent": "annotate"}) == 2
