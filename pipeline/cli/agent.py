"""`tocsin annotate` and `tocsin alert`: runs one agent until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

from pipeline.cli.options import set_options
from pipeline.monitor.logs import configure_logging
from pipeline.settings import Settings, load_settings
from pipeline.stopping import end_at_once_on_signal


def run_agent(name: Literal["annotate", "alert"], config: Path | None, brokers: str | None) -> None:
    """Run the agent of this role, and end the process if its status is not 0.

    Raises:
        SettingsError: mistakes in the settings; before the agent is loaded, which takes seconds.
    """
    end_at_once_on_signal(status=0)  # an agent that is stopped while it loads has no work to finish
    settings = load_settings(config, overrides=set_options(brokers=brokers))
    configure_logging(settings.log_level)
    status = asyncio.run(_load(name)(settings))
    if status:
        sys.exit(status)


def _load(name: Literal["annotate", "alert"]) -> Callable[[Settings], Coroutine[Any, Any, int]]:
    # Each in its branch: only the annotate agent loads the network.
    if name == "annotate":
        from pipeline.annotate.role import run_annotate

        return run_annotate
    from pipeline.alert.role import run_alert

    return run_alert
