"""The program `python -m training`, run in this process."""

import pytest
from typer.testing import CliRunner, Result

from training.cli.main import app, main


def run(*arguments: object) -> str:
    """Run the program; returns what it printed to standard output."""
    return invoke(*arguments).stdout


def invoke(*arguments: object) -> Result:
    """Run the program, which must succeed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the program, which must end with status 1; returns its message as one line."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 1
    return " ".join(capsys.readouterr().err.split())
