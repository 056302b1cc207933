"""The Pythons that the project promises and finds, and those of which it makes its environment."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _run(*command: str | Path, path: str = "") -> subprocess.CompletedProcess[str]:
    # Variables of an outer make must not reach this one.
    environ = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    environ["PATH"] = f"{path}{environ['PATH']}"
    return subprocess.run(
        command, cwd=_ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def _write_program(file: Path, script: str) -> Path:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_the_same_pythons_are_promised_everywhere() -> None:
    """They are the same for readers, for pip, in `make test-pythons` and in CI."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert project["requires-python"] == f">={promised[0]}"
    assert re.search(r"^PYTHONS \?= (.*)$", (_ROOT / "Makefile").read_text(), re.M)[1].split() == promised  # type: ignore[index]
    assert f"Python {', '.join(promised[:-1])} or {promised[-1]}, `make`" in (_ROOT / "README.md").read_text()
    tried = re.search(r"^for release in (.*); do$", (_ROOT / ".ci/test-users-environment").read_text(), re.M)
    assert tried is not None
    assert tried[1].split() == promised[::-1]


def test_a_python_is_found_behind_a_command_that_does_not_answer(tmp_path: Path) -> None:
    """pyenv has such a command for a version that is not selected."""
    _write_program(tmp_path / f"python{_THIS}", "exit 127")
    found = _run(".ci/find-python", _THIS, path=f"{tmp_path}:{Path(sys.executable).parent}:")
    assert found.returncode == 0, found.stderr
    version = [found.stdout.strip(), "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    assert _run(*version).stdout.strip() == _THIS


def test_a_python_of_another_release_is_not_used(tmp_path: Path) -> None:
    """A command that lies about its release is passed over, and the error says that there is no such Python."""
    _write_program(tmp_path / "python3.99", f'exec "{sys.executable}" "$@"')
    found = _run(".ci/find-python", "3.99", path=f"{tmp_path}:")
    assert (found.returncode, found.stdout) == (1, "")
    assert "no Python 3.99 on this machine" in found.stderr


def test_a_python_that_is_not_there_is_reported_and_fails() -> None:
    """If no Python was tried, nothing is proved."""
    done = _run("make", "test-pythons", "PYTHONS=3.99")
    assert done.returncode != 0
    assert "tried none; not on this machine: 3.99; failed: none" in done.stdout


@pytest.mark.parametrize(
    ("asked", "is_made_anew"), [(None, False), ("3.11", False), ("3.13", True), ("3.1", True)]
)
def test_an_environment_is_made_anew_for_another_python(
    tmp_path: Path, asked: str | None, is_made_anew: bool
) -> None:
    """It happens only if another Python is asked for: `make` without PYTHON keeps the one that is there."""
    (tmp_path / "bin").mkdir()
    _write_program(tmp_path / "bin" / "python3.11", "exit 1")
    (tmp_path / ".installed").touch()
    arguments = [f"VENV={tmp_path}", f"{tmp_path}/.installed"]
    if asked:
        arguments.append(f"PYTHON={_write_program(tmp_path / 'python', f'echo {asked}')}")
    done = _run("make", "--question", *arguments)
    assert done.returncode == int(is_made_anew), done.stderr


def test_a_python_that_does_not_start_is_an_error() -> None:
    """The existing environment is not used in its place."""
    done = _run("make", "test", "PYTHON=/nowhere/python3")
    assert done.returncode != 0
    assert "PYTHON=/nowhere/python3 does not start" in done.stderr
