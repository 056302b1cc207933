from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli.main import app
from pipeline.settings import PREFIX, Settings, load_settings
from tests.deploy.deploy_files import (
    AGENTS,
    DEPLOY,
    agent_environ,
    compose_variables,
    load_compose,
    read_commented_env_file,
    read_env_file,
)

COMPOSE = load_compose()
SERVICES: dict[str, Any] = COMPOSE["services"]
# Time from the end of TOCSIN_STOP_SECONDS to the end of the process: leaving the group, closing the clients.
_LEAVE_SECONDS = 4


def _vllm_option(name: str) -> str:
    (value,) = [
        a.removeprefix(f"--{name}=") for a in SERVICES["vllm"]["command"] if a.startswith(f"--{name}=")
    ]
    return str(value)


def test_every_part_is_described() -> None:
    """The broker, every agent, the LLM server and Prometheus are described, and every variable is filled in."""
    assert set(SERVICES) == {"kafka", *AGENTS, "vllm", "prometheus"}
    assert "${" not in str(COMPOSE)


def test_images_are_pinned() -> None:
    """Every image has a tag that names a version, and no registry's host name."""
    for service in SERVICES.values():
        assert re.fullmatch(r"([a-z0-9-]+/)?[a-z0-9-]+:v?\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize("role", AGENTS)
def test_agents_start_with_the_settings_of_their_containers(role: str) -> None:
    """The program has the command, and accepts every variable of its container."""
    assert SERVICES[role]["command"] == [role]
    assert role in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    settings = load_settings(environ=agent_environ(role))
    assert settings.metrics_host == "0.0.0.0"
    assert SERVICES[role]["expose"] == [str(settings.metrics_port)]


@pytest.mark.parametrize("role", AGENTS)
def test_agents_can_be_scaled(role: str) -> None:
    """An agent has no name, no port on the host and no volume that could exist only once."""
    assert not {"container_name", "hostname", "ports", "volumes"} & set(SERVICES[role])


@pytest.mark.parametrize("role", AGENTS)
def test_agents_run_locked_down(role: str) -> None:
    """An agent has a read-only root, no capability and bounded logs, and comes back by itself."""
    service = SERVICES[role]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "max-size" in service["logging"]["options"]
    assert service["depends_on"]["kafka"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("role", AGENTS)
def test_docker_waits_for_a_clean_stop(role: str) -> None:
    """Docker kills an agent only after the time that the agent gives itself."""
    settings = load_settings(environ=agent_environ(role))
    grace = float(SERVICES[role]["stop_grace_period"].removesuffix("s"))
    assert grace >= settings.stop_seconds + _LEAVE_SECONDS


def test_agents_find_the_broker() -> None:
    """The broker listens on and advertises the agents' bootstrap address and the host's."""
    environment = SERVICES["kafka"]["environment"]
    advertised = set(environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listeners = set(environment["KAFKA_LISTENERS"].split(","))
    for role in AGENTS:
        assert f"AGENTS://{agent_environ(role)['TOCSIN_BROKERS']}" in advertised
    (published,) = SERVICES["kafka"]["ports"]
    host_address, _, container_port = published.rpartition(":")
    assert f"HOST://{host_address}" in advertised
    assert {"AGENTS://:19092", f"HOST://:{container_port}"} <= listeners
    # A client on the host with no settings at all reaches it.
    assert host_address == Settings().brokers


def test_only_the_host_itself_reaches_published_ports() -> None:
    """Services without a password are published on the loopback address."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_alert_agent_finds_the_llm() -> None:
    """The alert agent's URL is vLLM's service and port, and vLLM asks for the key that the agent has."""
    environ = agent_environ("alert")
    assert environ["TOCSIN_LLM_URL"] == f"http://vllm:{_vllm_option('port')}/v1"
    assert environ["TOCSIN_LLM_API_KEY"] == SERVICES["vllm"]["environment"]["VLLM_API_KEY"]
    assert SERVICES["vllm"]["command"][0] == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"


def test_vllm_accepts_the_load_of_four_alert_agents() -> None:
    """vLLM runs as many requests at once as four agents send, and a long sample fits its context twice."""
    settings = load_settings(environ=agent_environ("alert"))
    assert 4 * settings.llm_max_requests * settings.num_samples <= int(_vllm_option("max-num-seqs"))
    assert 2 * settings.llm_max_tokens <= int(_vllm_option("max-model-len"))
    assert settings.topic_partitions >= 4


def test_gpus_are_reserved() -> None:
    """vLLM always has a GPU, the annotate agent with compose.gpu.yaml."""
    for service in (SERVICES["vllm"], load_compose("compose.gpu.yaml")["services"]["annotate"]):
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("role", AGENTS)
def test_a_secured_kafka_gets_its_password_by_a_file(role: str) -> None:
    """With compose.secured.yaml an agent accepts its settings, and each file that they name is a secret of its own."""
    secured = load_compose("compose.secured.yaml")
    service = secured["services"][role]
    settings = load_settings(environ=agent_environ(role) | service["environment"])
    assert settings.kafka_tls
    assert settings.kafka_sasl_mechanism == "SCRAM-SHA-512"
    files = {settings.kafka_ca_file, settings.kafka_password_file}
    assert files == {Path("/run/secrets") / name for name in service["secrets"]}
    assert set(service["secrets"]) == set(secured["secrets"])
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {Path(secret["file"]).name for secret in secured["secrets"].values()} <= set(ignored)


@pytest.mark.parametrize("role", AGENTS)
def test_a_kafka_with_tokens_gets_them_by_a_secret_in_a_file(role: str) -> None:
    """With compose.token.yaml an agent accepts its settings, and the file that they name is a secret of its own."""
    tokens = load_compose("compose.token.yaml")
    service = tokens["services"][role]
    settings = load_settings(environ=agent_environ(role) | service["environment"])
    assert settings.kafka_tls
    assert settings.kafka_sasl_mechanism == "OAUTHBEARER"
    assert settings.kafka_token_client_secret_file == Path("/run/secrets") / service["secrets"][0]
    assert service["secrets"] == list(tokens["secrets"])
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {Path(secret["file"]).name for secret in tokens["secrets"].values()} <= set(ignored)


def test_volumes_are_declared() -> None:
    """Data that must outlive a container is on a named volume, and every volume is used."""
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = {mount for mount in mounts if mount.startswith("./")}
    assert all((DEPLOY / file).is_file() for file in files)
    assert set(mounts) - files == set(COMPOSE["volumes"])
    assert f"kafka-data:{SERVICES['kafka']['environment']['KAFKA_LOG_DIRS']}" in SERVICES["kafka"]["volumes"]


def test_example_shows_every_variable_and_its_default() -> None:
    """env.example lists exactly the variables of the Compose files, each with its default."""
    files = ("compose.yaml", "compose.gpu.yaml", "compose.secured.yaml", "compose.token.yaml")
    expected = {name: value for file in files for name, value in compose_variables(file).items()}
    assert read_commented_env_file("env.example") == expected
    assert read_env_file("env.example") == {}


def test_settings_file_shows_every_setting_and_its_default() -> None:
    """tocsin.env and compose.yaml name each setting once between them; commented ones are true defaults."""
    commented, active = read_commented_env_file("tocsin.env"), read_env_file("tocsin.env")
    in_compose = {n for role in AGENTS for n in SERVICES[role]["environment"] if n.startswith(PREFIX)}
    named = [*commented, *active, *in_compose]
    assert sorted(named) == sorted(PREFIX + name.upper() for name in Settings.model_fields)
    defaults = load_settings(environ={})
    for name, text in commented.items():
        setting = name.removeprefix(PREFIX).lower()
        value = getattr(load_settings(environ={name: text}), setting) if text else None
        assert value == getattr(defaults, setting), name


def _compose_client() -> list[str]:
    for client in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(client[0]):
            done = subprocess.run([*client, "version", "--short"], capture_output=True, text=True)
            if done.returncode == 0 and done.stdout.lstrip("v").startswith(("2.", "3.", "4.", "5.")):
                return client
    pytest.skip("no Docker Compose of version 2 or later on this machine")


@pytest.mark.parametrize(
    "files",
    [
        ["compose.yaml"],
        ["compose.yaml", "compose.gpu.yaml"],
        ["compose.yaml", "compose.secured.yaml"],
        ["compose.yaml", "compose.token.yaml"],
    ],
)
def test_compose_accepts_its_files(files: list[str]) -> None:
    """Compose itself finds no mistake; this reads the files only and needs no engine."""
    arguments = [word for file in files for word in ("-f", str(DEPLOY / file))]
    command = [*_compose_client(), *arguments, "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
