from pathlib import Path

import pytest
import torch

from tests.training.samples import DEV, TRAIN, new_model, recipe
from training.errors import RunStateError
from training.network.recipe import Recipe
from training.network.trainer import EpochReport, Trainer
from training.network.trainer_state import TrainerState, read_state, write_state

Weights = dict[str, torch.Tensor]


def trained(
    settings: Recipe, variant: str, stop_after: int | None = None, state: Path | None = None
) -> Weights:
    """The weights after all epochs; `stop_after` raises there, `state` is written each epoch and read if it exists."""
    model, collate = new_model(settings, variant)
    trainer = Trainer(model, collate, settings)
    if state and state.exists():
        trainer.restore(read_state(state))

    def keep(report: EpochReport) -> None:
        if state:
            write_state(state, trainer.state())
        if report.epoch == stop_after:
            raise KeyboardInterrupt

    trainer.fit(TRAIN, DEV, on_step=lambda done, total: None, on_epoch=keep)
    return model.state_dict()


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("A", {}),
        ("E", {"stop_patience": 2, "plateau_patience": 1}),
        ("F", {"use_separate_optimisers": False, "accumulation": 2, "sentiment_share": 0.5}),
        ("F", {"use_sparse_word_steps": True}),
    ],
)
def test_an_interrupted_run_gives_the_same_network(
    variant: str, changes: dict[str, object], tmp_path: Path
) -> None:
    """If it is stopped after any epoch and restored in a new trainer, training ends with the same bits."""
    settings = recipe(num_epochs=5, **changes)
    whole = trained(settings, variant)
    for stop_after in (1, 3):
        state = tmp_path / f"{stop_after}.safetensors"
        with pytest.raises(KeyboardInterrupt):
            trained(settings, variant, stop_after, state)
        torch.manual_seed(99)
        resumed = trained(settings, variant, state=state)
        assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_a_damaged_state_is_an_error_with_advice(tmp_path: Path) -> None:
    """The message has advice, and no traceback of the file format."""
    path = tmp_path / "state.safetensors"
    write_state(path, TrainerState({"a": torch.zeros(3)}, {"epochs_done": 1}))
    assert read_state(path).values == {"epochs_done": 1}
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(RunStateError, match="start again"):
        read_state(path)
