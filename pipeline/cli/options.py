"""What the commands of `tocsin` share: options that mean the same everywhere, and the settings behind them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from pipeline.monitor.logs import configure_logging
from pipeline.settings import Settings, load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="TOCSIN_CONFIG", help="TOML file of settings; TOCSIN_* variables win over it."
    ),
]
BrokersOption = Annotated[str | None, typer.Option(help="Kafka bootstrap servers, HOST:PORT[,...].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]


def client_settings(config: Path | None, brokers: str | None) -> Settings:
    """Return the settings of a command for people, which tells on standard error what they must know and no more."""
    settings = load_settings(config, overrides=given(brokers=brokers))
    is_debugging = settings.log_level == "debug"
    configure_logging("debug" if is_debugging else "warning")
    if not is_debugging:
        # Commands tell every outage in their own words, once; the Kafka client does so again and again.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings


def given(**options: str | None) -> dict[str, str]:
    """Return the options that are on the command line, empty ones too: those are mistakes to report."""
    return {name: value for name, value in options.items() if value is not None}
