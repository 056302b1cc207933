"""What a command has in memory: it loads only what it needs, so that it starts fast and stays small."""

import json
import subprocess
import sys

import pytest

# Each takes long to load or much memory.
_HEAVY = {"torch", "torch_geometric", "spacy", "faust", "aiokafka", "openai", "numpy", "msgspec", "asyncio"}


def _loaded(code: str) -> set[str]:
    """Return the modules in memory after the code, without the submodules of other people's packages."""
    program = f"{code}\nimport json, sys\nprint(json.dumps([*sys.modules]))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    names: list[str] = json.loads(result.stdout.splitlines()[-1])
    return {name if name.startswith("pipeline") else name.partition(".")[0] for name in names}


@pytest.mark.parametrize("command", ["", "annotate", "up", "try", "dead", "dead replay"])
def test_help_loads_nothing_but_the_command_line(command: str) -> None:
    """Help loads no network, no client of a server and no settings."""
    code = f"""
import sys
from pipeline.cli.__main__ import main
sys.argv = ["tocsin", *{command.split()}, "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    loaded = _loaded(code)
    assert "typer" in loaded
    # typer itself takes pydantic to read the options of a command.
    unwanted = _HEAVY | {"pipeline.settings"} | (set() if command else {"pydantic"})
    assert sorted(loaded & unwanted) == []


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.alert.role",
        "pipeline.alert.agent",
        "pipeline.alert.generator",
        "pipeline.llm.client",
        "pipeline.stream.process",
        "pipeline.kafka.publisher",
        "pipeline.outcomes.ledger",
        "pipeline.local.stack",
    ],
)
def test_commands_that_ask_an_llm_do_not_load_pytorch(module: str) -> None:
    """The network belongs to the annotate agent; the alert agent, the stack and the clients never load it."""
    loaded = _loaded(f"import {module}")
    assert sorted(loaded & {"torch", "torch_geometric", "spacy"}) == []
