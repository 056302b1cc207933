"""`tocsin annotate` and `tocsin alert`: runs one agent until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from pipeline.cli.options import set_options
from pipeline.monitor.logs import configure_logging
from pipeline.settings import Settings, load_settings
from pipeline.stopping import end_at_once_on_signal

RunAgent = Callable[[Settings], Coroutine[Any, Any, int]]


def _load_annotate() -> RunAgent:
    from pipeline.annotate.role import run_annotate

    return run_annotate


def _load_alert() -> RunAgent:
    from pipeline.alert.role import run_alert

    return run_alert


# By the name of the role. A loader imports its agent when it is called: only the annotate agent needs the network.
LOADERS: Mapping[str, Callable[[], RunAgent]] = {"annotate": _load_annotate, "alert": _load_alert}


def run_agent(name: str, config: Path | None, brokers: str | None) -> None:
    """Run the agent of this role, and end the process if its status is not 0.

    Raises:
        SettingsError: mistakes in the settings; before the agent is loaded, which takes seconds.
        ValueError: `LOADERS` has no agent of this name.
    """
    if name not in LOADERS:
        raise ValueError(f"no agent {name!r}: LOADERS of {__name__} has {', '.join(LOADERS)}")
    end_at_once_on_signal(status=0)  # an agent that is stopped while it loads has no work to finish
    settings = load_settings(config, overrides=set_options(brokers=brokers))
    configure_logging(settings.log_level)
    status = asyncio.run(LOADERS[name]()(settings))
    if status:
        sys.exit(status)
