"""Everything that the next epoch depends on, in one safetensors file: a killed run goes on as if it had not been.

Weights, optimiser moments and torch's random state are tensors; the rest (epochs done, patience, Python's random
state) is JSON in the file's header. The file appears by one rename, so a kill leaves either the old file
or the new one, whole.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from training.errors import RunStateError

_HEADER_KEY = "values"


@dataclass(frozen=True, slots=True)
class TrainerState:
    """A trainer between two epochs: `tensors` by name, and `values` that JSON can hold."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


def write_state(path: Path, state: TrainerState) -> None:
    """Write the file, replacing the one before it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    header = {_HEADER_KEY: orjson.dumps(state.values).decode()}
    beside.write_bytes(save({name: tensor.contiguous() for name, tensor in state.tensors.items()}, header))
    beside.replace(path)


def read_state(path: Path) -> TrainerState:
    """Read what `write_state` wrote; raises RunStateError."""
    try:
        with safe_open(path, framework="pt") as file:
            values = orjson.loads(file.metadata()[_HEADER_KEY])
            return TrainerState({name: file.get_tensor(name) for name in file.keys()}, values)  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunStateError(f"{path}: damaged ({error}); delete the run's folder and start again") from error


def pack_optimisers(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return the moments of optimisers, named `optimiser.<number>.<parameter>.<moment>`.

    Learning rates are left out: every step sets them anew.
    """
    return {
        f"optimiser.{number}.{parameter}.{name}": torch.as_tensor(moment)
        for number, optimiser in enumerate(optimisers)
        for parameter, moments in optimiser.state_dict()["state"].items()
        for name, moment in moments.items()
    }


def unpack_optimisers(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Give optimisers the moments that `pack_optimisers` returned."""
    for number, optimiser in enumerate(optimisers):
        moments: dict[int, dict[str, Tensor | int]] = {}
        for key, tensor in tensors.items():
            kind, *path = key.split(".")
            if kind == "optimiser" and path[0] == str(number):
                # SparseAdam counts its steps in an int.
                is_count = isinstance(optimiser, torch.optim.SparseAdam) and path[2] == "step"
                moments.setdefault(int(path[1]), {})[path[2]] = int(tensor) if is_count else tensor
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})


def pack_random(state: tuple[Any, ...]) -> list[Any]:
    """Return `random.Random.getstate()` as JSON values."""
    version, numbers, gauss = state
    return [version, list(numbers), gauss]


def unpack_random(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return what `random.Random.setstate` takes."""
    version, numbers, gauss = values
    return version, tuple(numbers), gauss
