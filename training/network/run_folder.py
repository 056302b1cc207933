"""The folder of one run, from which a killed run goes on.

recipe.json         every setting, the variant, versions, hashes of the data
metrics.jsonl       one line for each epoch
tensorboard/        the same for TensorBoard
checkpoint/         the best epoch so far, ready to be served
state.safetensors   what the next epoch depends on; gone when the run has finished
finished.json       how the run ended; written at its end
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from models.package_release import release
from training.errors import RecipeError, RunStateError
from training.network.tensorboard_log import TensorboardLog
from training.network.trainer import EpochReport
from training.network.trainer_state import TrainerState, read_state, write_state


class RunFolder:
    """Opens and fills the folder of a run; must be closed."""

    def __init__(self, path: Path) -> None:
        self.checkpoint = path / "checkpoint"
        self.path = path
        self._settings = path / "recipe.json"
        self._metrics = path / "metrics.jsonl"
        self._state = path / "state.safetensors"
        self._finished = path / "finished.json"
        self._log: TensorboardLog | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the folder holds a finished run."""
        return self._finished.exists()

    def open(self, settings: Mapping[str, Any]) -> TrainerState | None:
        """Begin a run, or find the state after the last finished epoch of one that was killed.

        Raises:
            RecipeError: the folder holds a finished run, or one with other settings.
            RunStateError: the settings or the state are damaged.
        """
        if self._settings.exists():
            self._refuse_other_run(settings)
        self.path.mkdir(parents=True, exist_ok=True)
        _replace(self._settings, orjson.dumps(settings, option=orjson.OPT_INDENT_2))
        state = read_state(self._state) if self._state.exists() else None
        num_done = state.values["epochs_done"] if state else 0
        lines = self._metrics.read_bytes().splitlines(keepends=True) if self._metrics.exists() else []
        # The epoch that was cut off may have left its line; it will run again.
        _replace(self._metrics, b"".join(lines[:num_done]))
        self._log = TensorboardLog(self.path / "tensorboard", first_epoch=num_done + 1)
        return state

    def append(self, report: EpochReport) -> None:
        """Keep what an epoch did."""
        with self._metrics.open("ab") as file:
            file.write(orjson.dumps(asdict(report)) + b"\n")
        if self._log:
            self._log.append(report)

    def save_state(self, state: TrainerState) -> None:
        """Keep what the next epoch depends on; call it after everything else of the epoch is kept."""
        write_state(self._state, state)

    def finish(self) -> None:
        """Mark the run as finished."""
        reports = read_metrics(self.path)
        best = max(reports, key=lambda report: report["selection"])
        ended = {"num_epochs": len(reports), "best_epoch": best["epoch"], "selection": best["selection"]}
        _replace(self._finished, orjson.dumps(ended, option=orjson.OPT_INDENT_2))
        self._state.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the log, however the run ended."""
        if self._log:
            self._log.close()
            self._log = None

    def _refuse_other_run(self, settings: Mapping[str, Any]) -> None:
        try:
            before = orjson.loads(self._settings.read_bytes())
        except orjson.JSONDecodeError as error:
            raise RunStateError(f"{self._settings}: damaged ({error}): delete the folder") from error
        advice = "choose another --output or delete it"
        if self.is_finished:
            raise RecipeError(f"{self.path} already holds a run, which is finished: {advice}")
        if other := _differences(before, orjson.loads(orjson.dumps(settings))):
            raise RecipeError(f"{self.path} already holds a run with another {', '.join(other)}: {advice}")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return what each epoch of the run in a folder did."""
    return [orjson.loads(line) for line in (path / "metrics.jsonl").read_bytes().splitlines()]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            names += _differences(old, new, f"{prefix}{key}.")
        elif _compared(old, prefix) != _compared(new, prefix):
            names.append(f"{prefix}{key}")
    return names


def _compared(value: object, prefix: str) -> object:
    return release(value) if prefix == "versions." and isinstance(value, str) else value


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
