from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib

import pytest
from prometheus_client import CollectorRegistry

from pipeline.monitor.health import Health
from pipeline.monitor.probes import ProbeServer
from pipeline.settings import load_settings
from tests.deploy.deploy_files import DEPLOY, ROOT, dockerfile_instructions, image_environ

INSTRUCTIONS = dockerfile_instructions()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]
# The top-level packages; `find` takes the packages inside them with them.
_PACKAGES = [pattern.removesuffix("*") for pattern in SETUPTOOLS["packages"]["find"]["include"]]


def _only(name: str) -> str:
    (rest,) = [rest for found, rest in INSTRUCTIONS if found == name]
    return rest


def _copied_sources() -> set[str]:
    copies = [rest.split() for name, rest in INSTRUCTIONS if name == "COPY" and not rest.startswith("--from")]
    return {source for words in copies for source in words[:-1]}


def test_sources_of_copy_instructions_exist() -> None:
    """Every source of a COPY is in the repository."""
    missing = [source for source in sorted(_copied_sources()) if not (ROOT / source).exists()]
    assert missing == []


def test_the_build_context_holds_the_copied_sources_and_nothing_else() -> None:
    """.dockerignore lets the sources of the COPY instructions into the build, but no secret."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == _copied_sources()


def test_every_package_is_in_the_image() -> None:
    """The packages of the wheel are copied, and every folder of code in them is a package."""
    for package in _PACKAGES:
        folders = {file.parent for file in (ROOT / package).rglob("*.py")}
        assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
    assert set(_PACKAGES) <= _copied_sources()


# Results of experiments, for readers of the repository.
_RESULTS = {ROOT / "training" / "results"}


def test_the_wheel_carries_the_data_files_of_the_packages() -> None:
    """Checkpoints, sample posts and schemas are package data: setuptools leaves out files that no pattern names."""
    patterns: dict[str, list[str]] = SETUPTOOLS.get("package-data", {})
    for package in _PACKAGES:
        folder = ROOT / package
        carried = {file for pattern in patterns.get(package, []) for file in folder.glob(pattern)}
        beside = {
            file
            for file in folder.rglob("*.*")
            if file.is_file() and file.suffix not in {".py", ".pyc"} and _RESULTS.isdisjoint(file.parents)
        }
        assert beside <= carried, f"not in package-data of {package}"


def test_base_image_has_a_python_that_we_support() -> None:
    """Both stages use the one image that is named at the top, and its Python is new enough."""
    image = re.fullmatch(r"PYTHON_IMAGE=python:3\.(\d+)-slim-\w+", INSTRUCTIONS[0][1])
    oldest = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])
    assert image
    assert oldest
    assert int(image[1]) >= int(oldest[1])
    stages = [rest.split()[0] for name, rest in INSTRUCTIONS if name == "FROM"]
    assert stages == ["${PYTHON_IMAGE}"] * 2


def test_installed_packages_are_locked() -> None:
    """Packages that pip gets from an index are pinned in requirements.lock by hash, torch's CPU build by version."""
    runs = [re.sub(r"--mount=\S+", "", rest) for name, rest in INSTRUCTIONS if name == "RUN"]
    commands = [command.strip() for run in runs for command in re.split(r"&&|;|\bthen\b|\belse\b", run)]
    cpu_build, wheel, ours = [command for command in commands if command.startswith("pip ")]
    assert "grep -o '^torch==[0-9.]*' requirements.lock" in cpu_build
    assert "--no-deps --no-build-isolation" in wheel
    assert "--no-deps --no-index" in ours
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    (torch,) = [line for line in lock if line.startswith("torch==")]
    assert re.fullmatch(r"torch==[\d.]+ \\", torch), (
        "a local version such as +cpu would rule out the other way"
    )


def test_parser_model_is_installed() -> None:
    """The image has the extra that carries the parser's model."""
    assert "parser" in PROJECT["optional-dependencies"]
    assert any("install_locked.py --extras parser" in rest for name, rest in INSTRUCTIONS if name == "RUN")


def test_image_runs_the_program_under_a_number_that_is_not_roots() -> None:
    """The entry point is the program itself, which thus gets SIGTERM."""
    (program,) = json.loads(_only("ENTRYPOINT"))
    assert program in PROJECT["scripts"]
    assert _only("STOPSIGNAL") == "SIGTERM"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", _only("USER"))


def test_image_settings_are_settings() -> None:
    """The program accepts the variables that the image sets, and listens on the port that the image names."""
    environ = {name: value for name, value in image_environ().items() if name.startswith("TOCSIN_")}
    assert load_settings(environ=environ).metrics_port == int(_only("EXPOSE"))


def _probe(port: int, host: str = "0.0.0.0") -> subprocess.CompletedProcess[str]:
    """Run the image's HEALTHCHECK unchanged, except for the path of its script."""
    python, script = json.loads(_only("HEALTHCHECK").split("CMD", 1)[1])
    assert python == "python"
    (copied,) = [
        rest.split() for name, rest in INSTRUCTIONS if name == "COPY" and rest.endswith(f" {script}")
    ]
    # A proxy that does not exist: the probe must not use it.
    variables = {"TOCSIN_METRICS_HOST": host, "TOCSIN_METRICS_PORT": str(port)}
    environ = {**os.environ, **variables, "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, str(ROOT / copied[0])]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


def test_probe_passes_for_a_live_process_and_fails_for_a_stuck_one() -> None:
    """The health check passes while the event loop turns, and fails with the reason once it is stuck."""
    health = Health()
    server = ProbeServer(health, CollectorRegistry(), host="127.0.0.1", port=0)
    try:
        alive = _probe(server.port)
        health.note_stall("event loop stuck for 99 s")
        stuck = _probe(server.port)
    finally:
        server.close()
    assert (alive.returncode, alive.stdout) == (0, "ok\n")
    assert (stuck.returncode, stuck.stdout) == (1, "event loop stuck for 99 s\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost", "::", "::1"])
def test_probe_asks_the_address_on_which_the_program_listens(host: str) -> None:
    """The health check follows the address that the container sets, those of IPv6 too."""
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    server = ProbeServer(Health(), CollectorRegistry(), host=host, port=0)
    try:
        done = _probe(server.port, host)
    finally:
        server.close()
    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_probe_fails_without_an_answer() -> None:
    """The health check fails without a traceback if the process does not listen."""
    server = ProbeServer(Health(), CollectorRegistry(), host="127.0.0.1", port=0)
    server.close()
    done = _probe(server.port)
    assert done.returncode == 1
    assert done.stderr.startswith("no answer: ")
    assert "Traceback" not in done.stderr


def test_nothing_secret_is_in_the_files() -> None:
    """No file of deploy/ gives a value to a variable that is named like a secret."""
    named = re.compile(
        r"^[#\s]*\w*(?:TOKEN|PASSWORD|SECRET|API_KEY)\b\s*[:=]\s*(?!\$\{)(?!#)\S", re.MULTILINE
    )
    files = [file for file in DEPLOY.iterdir() if file.is_file() and file.name != ".env"]
    assert files
    for file in files:
        assert not named.search(file.read_text(encoding="utf-8")), file.name
