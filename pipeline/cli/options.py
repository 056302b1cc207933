"""The options that several commands share, and the settings behind them."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.settings import Settings

DEFAULT_KAFKA_FOLDER = Path(".tocsin/kafka")


class LlmServer(StrEnum):
    """The LLM servers that a local stack can run."""

    LLAMA_CPP = "llama.cpp"
    VLLM = "vllm"


class Kafka(StrEnum):
    """The brokers that a local stack can run."""

    EMBEDDED = "embedded"
    APACHE = "apache"


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="TOCSIN_CONFIG", help="TOML file of settings; TOCSIN_* variables win over it."
    ),
]
BrokersOption = Annotated[str | None, typer.Option(help="Kafka bootstrap servers, HOST:PORT[,...].")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of text.")]
LlmUrlOption = Annotated[
    str | None,
    typer.Option(help="Base URL of a running OpenAI-compatible server. Without it a small LLM is started."),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the posts: a value of TOCSIN_POST_FORMAT. Without it each is recognised by its shape.",
    ),
]
LlmOption = Annotated[
    LlmServer, typer.Option("--llm", help="LLM server to start: llama.cpp with a small model, or vLLM.")
]
ModelOption = Annotated[
    str | None, typer.Option(help="Model for vLLM: its name on Hugging Face, or a folder.")
]
LangOption = Annotated[
    str | None,
    typer.Option(
        "--lang", help="Take posts in these languages alone: en, or en,de. Posts without one are taken."
    ),
]
WordsOption = Annotated[
    str | None,
    typer.Option("--words", help="Take posts with one of these words alone: 'flood*,fire,power outage'."),
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", "--source-url", help="Address of the source, instead of the public one."),
]
SourceUrlOption = Annotated[
    str | None, typer.Option("--source-url", help="Address of the source, instead of the public one.")
]


def client_settings(config: Path | None, brokers: str | None, *, post_format: str | None = None) -> Settings:
    """Return the settings of a command for people, and log only what they must know on standard error."""
    from pipeline.monitor.logs import configure_logging
    from pipeline.settings import load_settings

    settings = load_settings(config, overrides=set_options(brokers=brokers, post_format=post_format))
    is_debugging = settings.log_level == "debug"
    configure_logging("debug" if is_debugging else "warning")
    if not is_debugging:
        # The commands report an outage once, in their own words. The Kafka client would report it again and again.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings


def stack_settings(config: Path | None, llm_url: str | None, **options: str | None) -> dict[str, str]:
    """Return the settings that are set, for the agents of a local stack.

    Args:
        options: further settings from the command line.

    Raises:
        SettingsError: mistakes in them, which would otherwise end up in the log of an agent.
    """
    from pipeline.settings import chosen_settings, load_settings

    return chosen_settings(load_settings(config, overrides=set_options(llm_url=llm_url, **options)))


def vllm_model(llm: LlmServer, model: str | None, settings: dict[str, str]) -> str | None:
    """Return the model to start vLLM with, or None if vLLM is not to be started.

    Raises:
        SettingsError: the options contradict each other.
    """
    if llm is LlmServer.LLAMA_CPP:
        if model is not None:
            raise SettingsError([f"--model {model}: for vLLM alone: add --llm vllm"])
        return None
    if "llm_url" in settings:
        raise SettingsError(["--llm vllm: a running server is named too (--llm-url, TOCSIN_LLM_URL)"])
    if model is None:
        raise SettingsError(["--llm vllm: name a model with --model: its name on Hugging Face, or a folder"])
    return model


def kafka_folder(kafka: Kafka, data: Path | None) -> Path | None:
    """Return the folder for the data of Apache Kafka, or None for the embedded broker.

    Raises:
        SettingsError: the embedded broker is to keep data.
    """
    if kafka is Kafka.APACHE:
        return data or DEFAULT_KAFKA_FOLDER
    if data:
        raise SettingsError([f"--data {data}: only Apache Kafka keeps data: add --kafka apache"])
    return None


def set_options(**options: str | None) -> dict[str, str]:
    """Return the options that stand on the command line. An empty one does, and is a mistake to report."""
    return {name: value for name, value in options.items() if value is not None}
