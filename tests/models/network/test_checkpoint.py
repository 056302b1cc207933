"""Checkpoints: what they keep, and which ones are refused."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import CheckpointError, load_checkpoint, save_checkpoint
from models.network.checkpoint import JSON_FILE, WEIGHTS_FILE
from models.package_release import release
from tests.models.samples import SMALL_VARIANTS, small_model, small_vocabularies

CONFIG = SMALL_VARIANTS["F"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(
        tmp_path,
        name="social",
        model=small_model(CONFIG),
        config=CONFIG,
        vocabularies=small_vocabularies(),
        metadata={"entity_f1": 0.5, "licence": "research", "odd": "\ud800"},
    )
    return tmp_path


def sign(folder: Path, change: Callable[[dict[str, Any]], object] = lambda document: None) -> None:
    """Change the JSON, and write the hash that fits both files as they are now."""
    document = json.loads((folder / JSON_FILE).read_text("utf-8", "surrogatepass"))
    change(document)
    del document["sha256"]
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes())
    digest.update(json.dumps(document, sort_keys=True).encode())
    (folder / JSON_FILE).write_text(json.dumps({**document, "sha256": digest.hexdigest()}))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    change(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)
    sign(folder)


def test_everything_is_kept(folder: Path) -> None:
    """Name, configuration, vocabularies, labels and metadata come back; the model is in evaluation mode."""
    checkpoint = load_checkpoint(folder)
    assert (checkpoint.name, checkpoint.config) == ("social", CONFIG)
    assert checkpoint.vocabularies == small_vocabularies()
    assert checkpoint.metadata == {"entity_f1": 0.5, "licence": "research", "odd": "\ud800"}
    assert release(checkpoint.versions["torch"]) == release(torch.__version__)
    assert not checkpoint.model.training
    assert {p.dtype for p in checkpoint.model.parameters()} == {torch.float32}
    assert sorted(path.name for path in folder.iterdir()) == [JSON_FILE, WEIGHTS_FILE]


def test_a_signed_copy_loads(folder: Path) -> None:
    """The hash that the tests write is right; otherwise the refusals below would prove nothing."""
    sign(folder)
    load_checkpoint(folder)


def test_missing_files_are_refused(folder: Path) -> None:
    """If one of the two files is missing, the error names it."""
    for name in (JSON_FILE, WEIGHTS_FILE):
        (folder / name).unlink()
        with pytest.raises(CheckpointError, match=f"{name}: cannot be read"):
            load_checkpoint(folder)


def test_one_flipped_bit_is_refused(folder: Path) -> None:
    """The hash covers the weights and the JSON."""
    for name, position in ((WEIGHTS_FILE, -1), (JSON_FILE, 40)):
        content = bytearray((folder / name).read_bytes())
        content[position] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=r"the hash of the files is|: not JSON"):
            load_checkpoint(folder)
        content[position] ^= 1
        (folder / name).write_bytes(content)
    load_checkpoint(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"format": 1', b"nonsense", b"[" * 10**6])
def test_broken_json_is_refused(folder: Path, content: bytes) -> None:
    """A JSON file that cannot be read is a `CheckpointError`."""
    (folder / JSON_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=JSON_FILE):
        load_checkpoint(folder)


def test_broken_weights_are_refused(folder: Path) -> None:
    """A file of weights that is not in safetensors form is refused even if the hash is right."""
    (folder / WEIGHTS_FILE).write_bytes(b"\x80\x04pickle")
    sign(folder)
    with pytest.raises(CheckpointError, match=r"(?i)header"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.update(format=2), "format 2, but this code reads format 1"),
        (lambda d: d.pop("vocabularies"), "key 'vocabularies' is missing"),
        (lambda d: d["config"].update(speed=1), "speed: unknown key"),
        (lambda d: d["config"].update(hidden_size=0), "hidden_size=0"),
        (lambda d: d.update(config=[]), "expected a JSON object"),
        (lambda d: d.update(vocabularies=None), "expected a JSON object"),
        (lambda d: d["vocabularies"].pop("chars"), "chars"),
        (lambda d: d["vocabularies"].update(chars=[1, 2]), "chars"),
        (lambda d: d["vocabularies"].update(num_rare_words="3"), "num_rare_words"),
        (lambda d: d["vocabularies"]["words"].append("more"), r"token_encoder.word.tail has shape"),
    ],
)
def test_json_that_does_not_fit_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    """Another format, missing or unknown keys, wrong types and wrong sizes each give their reason."""
    sign(folder, change)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.pop("decoder.start"), "decoder.start is missing"),
        (lambda t: t.update(extra=torch.zeros(1).half()), "extra is unknown"),
        (
            lambda t: t.update({"decoder.end": torch.zeros(3).half()}),
            r"decoder.end has shape \(3,\), expected \(9,\)",
        ),
        (
            lambda t: t.update({"decoder.end": t["decoder.end"].float()}),
            "decoder.end is torch.float32, not float16",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], object], reason: str
) -> None:
    """Missing, unknown and misshapen tensors, and other number formats, are named."""
    change_weights(folder, change)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_that_do_not_fit_into_float16_are_not_saved(tmp_path: Path, value: float) -> None:
    """A network that exploded in training is refused when it is saved, not when it is served."""
    model = small_model(CONFIG)
    torch.nn.init.constant_(model.token_encoder.word.trained.weight, value)
    with pytest.raises(CheckpointError, match=r"token_encoder.word.trained.weight"):
        save_checkpoint(
            tmp_path, name="x", model=model, config=CONFIG, vocabularies=small_vocabularies(), metadata={}
        )
