from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.monitor.metrics import ProcessMetrics
from pipeline.settings import load_settings
from pipeline.sources.live.registry import LOADERS
from pipeline.sources.live.runner.metrics import SourceMetrics
from tests.deploy.deploy_files import AGENTS, DEPLOY, agent_environ, load_compose, load_yaml
from tests.pipeline.role_metrics import make_all_metrics

RULES: list[dict[str, Any]] = [r for group in load_yaml("alerts.yml")["groups"] for r in group["rules"]]
JOBS: dict[str, Any] = {job["job_name"]: job for job in load_yaml("prometheus.yml")["scrape_configs"]}

# The metrics that vLLM 0.32 was seen to expose.
VLLM_METRICS = frozenset(
    {
        "vllm:num_requests_waiting",
        "vllm:num_requests_running",
        "vllm:kv_cache_usage_perc",
        "vllm:prefix_cache_hits_total",
        "vllm:prefix_cache_queries_total",
        "vllm:e2e_request_latency_seconds",
        "vllm:generation_tokens_total",
        "vllm:num_preemptions_total",
    }
)
_PROMETHEUS_METRICS = frozenset({"up"})  # Prometheus makes it for every target.
_OPERATORS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring"})


def _metrics_of(job: str, source: str) -> ProcessMetrics:
    """Return new metrics of a process in this job."""
    return SourceMetrics(source) if job == "source" else make_all_metrics()[job]


def _exposed_names() -> set[str]:
    """Return the names under which one of our processes may expose samples."""
    names: set[str] = set()
    processes = [*make_all_metrics().values(), SourceMetrics("bluesky")]
    for metric in (m for metrics in processes for m in metrics.registry.collect()):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
        names |= {metric.name + suffix for suffix in suffixes.get(metric.type, [""])}
    return names


def _names_in(expression: str) -> set[str]:
    """Return the metrics that a PromQL expression reads: names that are neither functions nor operators."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - _OPERATORS


def test_names_are_found_in_expressions() -> None:
    """The function on which the other tests rest finds metrics and nothing else."""
    expression = 'sum by (job) (rate(a_total{job="b"}[5m])) / sum(vllm:c) > 0.5 unless absent(d == 1)'
    assert _names_in(expression) == {"a_total", "vllm:c", "d"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_read_metrics_that_exist(rule: dict[str, Any]) -> None:
    """Every metric in a rule is exposed by our processes, by vLLM or by Prometheus itself."""
    names = _names_in(rule["expr"])
    assert names
    assert names <= _exposed_names() | VLLM_METRICS | _PROMETHEUS_METRICS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_select_labels_that_exist(rule: dict[str, Any]) -> None:
    """A rule asks only for jobs that are scraped and agents that are counted."""
    for label, _, value in re.findall(r'\b(job|agent)(=~?)"([^"]*)"', rule["expr"]):
        assert set(value.split("|")) <= (set(JOBS) if label == "job" else set(AGENTS))


def test_made_up_series_are_series_of_the_agents() -> None:
    """Without the labels of Prometheus, each exists from an agent's start, in the job of its role."""
    series = re.findall(
        r"series: '(tocsin_\w+)\{(.*?)\}'", Path(__file__).with_name("alerts_test.yml").read_text()
    )
    assert series
    for name, text in series:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', text))
        job, _ = labels.pop("job"), labels.pop("instance", None)
        if name != "tocsin_lag":  # its partitions are known only later
            source = labels.get("source", "bluesky")
            assert source in LOADERS
            metrics = _metrics_of(job, source)
            assert metrics.registry.get_sample_value(name, labels) == 0, (job, name, labels)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_have_a_severity_and_a_summary(rule: dict[str, Any]) -> None:
    """Every rule has a severity and a sentence for people."""
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"]["summary"].endswith(".")


def test_every_agent_is_scraped_at_its_port() -> None:
    """Prometheus finds a service's containers by its name, at the port that its settings name."""
    services = load_compose()["services"]
    ports = {role: load_settings(environ=agent_environ(role)).metrics_port for role in AGENTS}
    ports["vllm"] = int(services["vllm"]["expose"][0])
    found = {name: job["dns_sd_configs"][0] for name, job in JOBS.items()}
    assert {name: config["port"] for name, config in found.items() if name != "source"} == ports
    assert all(config["names"] == [name] and config["type"] == "A" for name, config in found.items())


def test_rules_are_mounted_in_the_folder_of_the_configuration() -> None:
    """The rule file is in the container, beside the configuration that names it."""
    mounts = load_compose()["services"]["prometheus"]["volumes"]
    for file in load_yaml("prometheus.yml")["rule_files"]:
        assert f"./{file}:/etc/prometheus/{file}:ro" in mounts


def _promtool() -> str:
    return shutil.which("promtool") or pytest.skip("no promtool (it comes with Prometheus) on this machine")


def test_prometheus_accepts_its_files() -> None:
    """Prometheus's own checker finds no mistake."""
    done = subprocess.run(
        [_promtool(), "check", "config", str(DEPLOY / "prometheus.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_fire_on_their_faults_alone() -> None:
    """Prometheus, fed with made-up series, fires each rule on its fault and none on a healthy run."""
    series = Path(__file__).with_name("alerts_test.yml")
    done = subprocess.run([_promtool(), "test", "rules", str(series)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"alertname: (\w+)", series.read_text(encoding="utf-8")))
    assert tested == {rule["alert"] for rule in RULES}
