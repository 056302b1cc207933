"""The embedded LLM (llama.cpp, `llama_server.py`) as a part of the local stack, with settings that suit it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from models.writers import SOCIAL_ADAPTER
from pipeline.errors import SettingsError
from pipeline.local.process import LocalProcess, child_environ, find_free_port
from pipeline.local.slow_start import say_nothing
from pipeline.settings import assignment

# On a core or two, more requests at once would only wait for each other. A model this small, asked which of several
# candidates is best, mostly takes the last option, "none of these": the probabilities that it gives are a better guide.
SMALL_MODEL_SETTINGS = {"llm_max_requests": "1", "num_samples": "4", "selection": "likelihood"}
# The embedded LLM writes with our adapter, which has a short prompt of its own: more samples cost little.
_WRITER_SETTINGS = {"candidate_prompt": "writer-v1", "num_samples": "8"}


class EmbeddedLlm:
    """The embedded LLM server on a free loopback port.

    Args:
        folder: for its log.
        chosen: settings that the user chose, by name.

    Raises:
        SettingsError: the settings name another model.
    """

    title = "llama.cpp"

    def __init__(self, folder: Path, chosen: Mapping[str, str]) -> None:
        if model := chosen.get("llm_model"):
            raise SettingsError(
                [
                    f"{assignment('llm_model', model)}: the embedded LLM server has a model of its own: "
                    "name the server that has this one (--llm-url, TOCSIN_LLM_URL), or unset TOCSIN_LLM_MODEL"
                ]
            )
        port = find_free_port()
        settings = embedded_llm_settings(chosen)
        self.settings = settings | {"llm_url": f"http://127.0.0.1:{port}/v1"}
        self.process = LocalProcess(
            "llm", _command(port, settings), log_file=folder / "llm.log", environ=child_environ({})
        )

    async def start(self, report: Callable[[str], None] = say_nothing) -> None:
        """Start it. It loads while the programs that ask it start."""
        await self.process.start()


def embedded_llm_settings(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the chosen settings, and instead of other defaults those that suit the embedded LLM."""
    settings = dict(chosen)
    if settings.get("candidate_prompt", "writer").startswith("writer"):
        settings = _WRITER_SETTINGS | settings
    return SMALL_MODEL_SETTINGS | settings


def _command(port: int, settings: Mapping[str, str]) -> list[str]:
    # For each request: its samples, and one slot that keeps the selection prompt. Without that slot the server would
    # read the prompt anew for every post.
    slots = int(settings["llm_max_requests"]) * (int(settings["num_samples"]) + 1)
    command = [
        sys.executable,
        "-m",
        "pipeline.local.llama_server",
        "--port",
        str(port),
        "--slots",
        str(slots),
    ]
    if settings["candidate_prompt"].startswith("writer"):
        command += ["--lora", str(SOCIAL_ADAPTER)]
    return command
