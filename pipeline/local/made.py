"""Where `make kafka` and `make vllm` put what they fetch."""

from __future__ import annotations

from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


def made(path: str) -> list[Path]:
    """Return the path in the working folder and in the checkout that this code runs from; they may be the same."""
    return list(dict.fromkeys([Path.cwd() / path, _REPOSITORY / path]))
