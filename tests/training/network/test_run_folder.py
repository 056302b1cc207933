import struct
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import torch
from tensorboardX.proto.event_pb2 import Event

from training.errors import RecipeError
from training.network.run_folder import RunFolder, read_metrics
from training.network.trainer import EpochReport
from training.network.trainer_state import TrainerState

SETTINGS = {"variant": "E", "recipe": {"seed": 1, "num_epochs": 3}, "data": {"a": "hash"}}


def report(epoch: int, selection: float = 0.5) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        num_steps=3,
        entity_loss=0.5 / epoch,
        sentiment_loss=None,
        dev={"x/tagged.jsonl": {"entity_f1": 0.25}},
        selection=selection,
        is_best=True,
        train_seconds=1.0,
        dev_seconds=0.5,
    )


def state(epochs_done: int) -> TrainerState:
    return TrainerState({"w": torch.ones(2)}, {"epochs_done": epochs_done})


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """The content of TensorBoard's event files, read record by record (length, checksum, event, checksum)."""
    found: dict[tuple[str, int], float] = {}
    for path in sorted((folder / "tensorboard").iterdir()):
        content, start = path.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = Event.FromString(content[start + 12 : start + 12 + length])
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
            start += 12 + length + 4
    return found


def test_an_interrupted_epoch_leaves_no_second_line(tmp_path: Path) -> None:
    """If the run was killed after an epoch's line and before its state, the epoch counts as not done."""
    with closing(RunFolder(tmp_path)) as folder:
        assert folder.open(SETTINGS) is None
        folder.append(report(1))
        folder.save_state(state(1))
        folder.append(report(2, selection=0.1))
    with closing(RunFolder(tmp_path)) as again:
        found = again.open(SETTINGS)
        assert found is not None
        assert found.values["epochs_done"] == 1
        again.append(report(2, selection=0.9))
    assert [(line["epoch"], line["selection"]) for line in read_metrics(tmp_path)] == [(1, 0.5), (2, 0.9)]


def test_a_run_with_other_settings_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the settings that differ, data included."""
    with closing(RunFolder(tmp_path)) as folder:
        folder.open(SETTINGS)
    other = {**SETTINGS, "recipe": {"seed": 2, "num_epochs": 3}, "data": {"a": "other"}}
    with pytest.raises(RecipeError, match=r"another recipe\.seed, data\.a"):
        RunFolder(tmp_path).open(other)


def test_another_build_of_the_same_release_continues(tmp_path: Path) -> None:
    """PyPI's torch is `2.13.0`, that of the CPU index `2.13.0+cpu`; another release is another run."""
    for number, (before, after) in enumerate([("2.13.0", "2.13.0+cpu"), ("2.13.0+cu130", "2.13.0")]):
        folder = tmp_path / str(number)
        for version in (before, after):
            with closing(RunFolder(folder)) as run:
                run.open({**SETTINGS, "versions": {"torch": version}})
        with pytest.raises(RecipeError, match=r"another versions\.torch"):
            RunFolder(folder).open({**SETTINGS, "versions": {"torch": "2.14.0"}})


def test_a_plus_in_a_corpus_name_is_not_a_build(tmp_path: Path) -> None:
    """Only versions have a local part; a corpus may have any name."""
    with closing(RunFolder(tmp_path)) as folder:
        folder.open({**SETTINGS, "recipe": {"train": "a+b"}})
    with pytest.raises(RecipeError, match=r"another recipe\.train"):
        RunFolder(tmp_path).open({**SETTINGS, "recipe": {"train": "a+c"}})


def test_a_finished_run_says_how_it_ended_and_drops_its_state(tmp_path: Path) -> None:
    """The state is large and no longer needed; the file names the best epoch."""
    with closing(RunFolder(tmp_path)) as folder:
        folder.open(SETTINGS)
        for epoch, selection in ((1, 0.4), (2, 0.8), (3, 0.6)):
            folder.append(report(epoch, selection))
            folder.save_state(state(epoch))
        folder.finish()
    assert folder.is_finished
    assert not (tmp_path / "state.safetensors").exists()
    assert orjson.loads((tmp_path / "finished.json").read_bytes())["best_epoch"] == 2
    with pytest.raises(RecipeError, match="finished"):
        RunFolder(tmp_path).open(SETTINGS)


def test_tensorboard_reads_losses_and_scores(tmp_path: Path) -> None:
    """Each epoch's scalars are in the event file before the next epoch begins; a missing loss is left out."""
    with closing(RunFolder(tmp_path)) as folder:
        folder.open(SETTINGS)
        folder.append(report(1))
        folder.append(report(2))
        found = scalars(tmp_path)
    assert found["loss/entity", 2] == pytest.approx(0.25)
    assert found["tagged/entity_f1", 1] == pytest.approx(0.25)
    assert not [name for name, _ in found if name == "loss/sentiment"]
