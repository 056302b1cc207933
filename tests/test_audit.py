"""`make audit` without an advisory service: its arguments, and that it fails if nothing is known."""

import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def _make_audit(tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "audit", f"AUDIT_VENV={tools}", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder in which make finds its tools installed: a `pip-audit` that shows its arguments and can fail."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pip-audit"
    program.write_text('#!/bin/sh\necho "$@"\nfor last; do :; done\ntest "$last" != --no-service\n')
    program.chmod(0o755)
    (tmp_path / ".installed").touch()
    return tmp_path


def test_every_pin_is_audited_and_none_may_be_skipped(tools: Path) -> None:
    """Without --strict, pip-audit passes with a note even if it could ask about no package."""
    done = _make_audit(tools)
    assert done.returncode == 0, done.stderr
    assert "--strict" in done.stdout.split()
    assert "--require-hashes" in done.stdout.split()
    assert "--requirement requirements.lock" in done.stdout


def test_an_audit_that_could_not_ask_fails(tools: Path) -> None:
    """The status is not 0, and the message says that nothing is known, and what to do."""
    done = _make_audit(tools, "AUDIT_ARGS=--no-service")
    assert done.returncode != 0
    assert "NOT passed" in done.stderr
    assert "AUDIT_ARGS='--vulnerability-service osv'" in done.stderr
