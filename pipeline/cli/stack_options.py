"""What the commands that start a local stack share: its choices as options, and the settings behind them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import given
from pipeline.errors import SettingsError
from pipeline.settings import load_settings

DEFAULT_KAFKA_FOLDER = Path(".tocsin/kafka")


class LlmServer(StrEnum):
    """The LLM servers that a local stack can run."""

    LLAMA_CPP = "llama.cpp"
    VLLM = "vllm"


class Kafka(StrEnum):
    """The brokers that a local stack can run."""

    EMBEDDED = "embedded"
    APACHE = "apache"


LlmUrlOption = Annotated[
    str | None, typer.Option(help="Base URL of a running OpenAI-compatible server; none: start a small one.")
]
LlmOption = Annotated[
    LlmServer, typer.Option("--llm", help="LLM server to start: llama.cpp with a small model, or vLLM.")
]
ModelOption = Annotated[
    str | None, typer.Option(help="Model for vLLM: a name of Hugging Face's, or a folder.")
]


def stack_settings(config: Path | None, llm_url: str | None) -> dict[str, str]:
    """Return what the user has set, for the agents of a local stack; mistakes are refused now, not in a child's log."""
    from pipeline.local.stack import chosen_settings

    return chosen_settings(load_settings(config, overrides=given(llm_url=llm_url)))


def chosen_vllm_model(llm: LlmServer, model: str | None, settings: dict[str, str]) -> str | None:
    """Return the model that vLLM shall be started with; None where it shall not."""
    if llm is LlmServer.LLAMA_CPP:
        if model is not None:
            raise SettingsError([f"--model {model}: for vLLM alone: add --llm vllm"])
        return None
    if "llm_url" in settings:
        raise SettingsError(["--llm vllm: a server that runs is named too (--llm-url, TOCSIN_LLM_URL)"])
    if model is None:
        raise SettingsError(["--llm vllm: name a model with --model: a name of Hugging Face's, or a folder"])
    return model
