"""The files of `deploy/` as data: Compose's variables filled in, the Dockerfile cut into its instructions."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from pipeline.topology import ROLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
AGENTS = tuple(role.name for role in ROLES)  # a service each

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def load_yaml(name: str) -> Any:
    """Return the content of a YAML file of `deploy/`, unchanged."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def load_compose(name: str = "compose.yaml") -> Any:
    """Return a Compose file as Compose sees it if no variable is set."""
    return _fill_in(load_yaml(name))


def compose_variables(name: str = "compose.yaml") -> dict[str, str]:
    """Return the variables that a Compose file takes from `.env` or the shell, with their defaults."""
    services = load_yaml(name)["services"]
    passed_on = [key for s in services.values() for key, v in s.get("environment", {}).items() if v is None]
    with_default = _VARIABLE.findall((DEPLOY / name).read_text(encoding="utf-8"))
    return dict.fromkeys(passed_on, "") | dict(with_default)


def read_env_file(name: str) -> dict[str, str]:
    """Return the lines of an env file that set something."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    return dict(_pair(line) for line in lines if line and not line.startswith("#"))


def read_commented_env_file(name: str) -> dict[str, str]:
    """Return what the commented lines of an env file would set."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    return dict(_pair(line[1:]) for line in lines if re.match(r"#[A-Z]", line))


def dockerfile_instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, each as its name and the rest."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    lines = [line for line in code.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name, rest.strip()) for name, rest in (line.split(maxsplit=1) for line in lines)]


def image_environ() -> dict[str, str]:
    """Return the variables that the final image sets."""
    instructions = dockerfile_instructions()
    last_stage = max(n for n, (name, _) in enumerate(instructions) if name == "FROM")
    settings = [rest for name, rest in instructions[last_stage:] if name == "ENV"]
    return dict(_pair(word) for rest in settings for word in shlex.split(rest))


def agent_environ(role: str) -> dict[str, str]:
    """Return the `TOCSIN_*` variables of an agent's container, in Docker's order of precedence."""
    service = load_compose()["services"][role]
    environ = image_environ() | read_env_file(service["env_file"]) | service["environment"]
    return {name: value for name, value in environ.items() if name.startswith("TOCSIN_")}


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _fill_in(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _fill_in(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill_in(value) for value in node]
    return _VARIABLE.sub(r"\2", node) if isinstance(node, str) else node
