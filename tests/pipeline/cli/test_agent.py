"""The commands that run an agent: each runs the agent of its own name."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import agent
from pipeline.cli.agent import LOADERS, run_agent
from pipeline.cli.main import app
from pipeline.topology import ROLES, Role


def test_every_role_has_a_loader_and_no_two_share_an_agent() -> None:
    """A role that runs the agent of another one would look ready and leave its own topic unread."""
    assert list(LOADERS) == [role.name for role in ROLES]
    agents = [load() for load in LOADERS.values()]
    assert all(inspect.iscoroutinefunction(run) for run in agents)
    assert len({run.__module__ for run in agents}) == len(ROLES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_command_of_a_role_runs_its_agent(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tocsin NAME` asks for the agent NAME, with the options that it was given."""
    asked: list[tuple[str, Path | None, str | None]] = []
    monkeypatch.setattr(agent, "run_agent", lambda *arguments: asked.append(arguments))
    result = CliRunner().invoke(app, [role.name, "--brokers", "kafka:9092", "--config", "my.toml"])
    assert (result.exit_code, asked) == (0, [(role.name, Path("my.toml"), "kafka:9092")])


def test_a_name_without_an_agent_is_an_error() -> None:
    """No other agent is run in its place, and the error says which agents there are."""
    with pytest.raises(ValueError, match=r"no agent 'incidents': LOADERS of .* has annotate, alert"):
        run_agent("incidents", None, None)
