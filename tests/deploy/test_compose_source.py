"""The container of a live source, compared with those of the agents and with the program."""

from __future__ import annotations

import pytest

from pipeline.settings import load_settings
from pipeline.sources.live.registry import LOADERS, build_source
from tests.deploy.deploy_files import load_compose, load_yaml, read_env_file

_SOURCE = load_compose("compose.source.yaml")["services"]["source"]
_AGENT = load_compose()["services"]["annotate"]


def test_the_program_takes_the_settings_of_the_container() -> None:
    """The source of the default command is built from them."""
    settings = load_settings(environ=read_env_file("tocsin.env") | _SOURCE["environment"])
    command, name = _SOURCE["command"]
    assert command == "source"
    assert name in LOADERS
    assert build_source(name, settings).name == name
    assert settings.source_languages == "en"
    assert not settings.source_words
    assert _SOURCE["expose"] == [str(settings.metrics_port)]


@pytest.mark.parametrize(
    "name", ["image", "read_only", "tmpfs", "cap_drop", "security_opt", "restart", "logging"]
)
def test_the_container_is_as_safe_as_an_agents(name: str) -> None:
    """It has the same image, and no more rights."""
    assert _SOURCE[name] == _AGENT[name]


def test_prometheus_watches_it() -> None:
    """Its service has a job of its own."""
    jobs = {job["job_name"]: job for job in load_yaml("prometheus.yml")["scrape_configs"]}
    assert jobs["source"]["dns_sd_configs"][0]["names"] == ["source"]
