"""Loads the settings: command line over `TOCSIN_*` environment variables over a TOML file over the defaults.

Only this file reads settings from the environment. It reports all mistakes at once.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pipeline.errors import SettingsError
from pipeline.settings.checks import PREFIX, variable_of
from pipeline.settings.fields import Settings

KAFKA_LIBS = "TOCSIN_KAFKA_LIBS"
VLLM_PYTHON = "TOCSIN_VLLM_PYTHON"

# The command line reads the first three itself, and the training the last one; the agents have no such settings.
_OTHER_VARIABLES = frozenset({"TOCSIN_CONFIG", KAFKA_LIBS, VLLM_PYTHON, "TOCSIN_DATA"})
# Options of the command line that are not spelled as their settings.
_OPTIONS = {"post_format": "--format", "source_languages": "--lang", "source_words": "--words"}

# The options whose names are not those of their settings.
_OPTIONS = {"post_format": "--format", "source_languages": "--lang", "source_words": "--words"}


def load_settings(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings from `file`, the environment and `overrides` (command line), later ones winning.

    Raises:
        SettingsError: unknown names and bad values, all of them.
    """
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in _read_file(file).items():
        origins[name], values[name] = f"{file}: {name}", value
    for name, text in read_environment(environ).items():
        origins[name], values[name] = variable_of(name), text
    for name, value in (overrides or {}).items():
        origins[name], values[name] = _OPTIONS.get(name, f"--{name.replace('_', '-')}"), value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_explain(problem, origins) for problem in error.errors()]) from None


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the `TOCSIN_*` variables under their settings' names, unchecked."""
    return {
        variable.removeprefix(PREFIX).lower(): text
        for variable, text in environ.items()
        if variable.startswith(PREFIX) and variable not in _OTHER_VARIABLES
    }


def chosen_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that are not left to their defaults, as an agent's environment takes them."""
    values = settings.model_dump(exclude_unset=True)
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from error


def _explain(problem: Any, origins: Mapping[str, str]) -> str:
    name = str(problem["loc"][0])
    where = origins.get(name, variable_of(name))
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        spelled = [variable_of(match) if where.startswith(PREFIX) else match for match in close]
        return f"{where}: no such setting" + "".join(f"; did you mean {match}?" for match in spelled)
    value = problem["input"]
    shown = "(hidden)" if _may_hold_secret(name, value) else repr(value)
    # A default fails its check if another setting has taken its value.
    default = "" if name in origins else " (default)"
    return f"{where}={shown}{default}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _may_hold_secret(name: str, value: object) -> bool:
    # People put passwords before an address's "@" and keys into its query.
    is_address = name in ("brokers", "llm_url", "kafka_token_url", "source_url")
    is_secret = name.endswith(("_key", "password", "secret", "command"))
    return is_secret or (is_address and any(c in str(value) for c in "@?"))
