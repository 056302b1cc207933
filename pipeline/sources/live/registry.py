"""The live sources by name. Each is loaded when it is asked for: it brings a library of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.sources.live.source import BuildSource, LiveSource


def _load_bluesky() -> BuildSource:
    from pipeline.sources.live.bluesky import Bluesky

    return Bluesky.of


# By the name in `tocsin source NAME`. To add one, write its file here, a loader, and its part of docs/sources-live.md.
LOADERS: Mapping[str, Callable[[], BuildSource]] = {"bluesky": _load_bluesky}


def build_source(name: str, settings: Settings) -> LiveSource:
    """Return the source of this name as the settings say.

    Raises:
        SettingsError: there is no such source, or its settings are wrong.
    """
    if name not in LOADERS:
        raise SettingsError([f"source {name}: expected one of {', '.join(LOADERS)}"])
    return LOADERS[name]()(settings)
