from pathlib import Path
from typing import Any

import orjson
import pytest

from models import VARIANTS
from tests.training.program import refused, run
from tests.training.samples import write_corpora
from training.ablation.rows import DEFAULT_ROWS, ROWS
from training.ablation.runner import AblationRunner
from training.network.trainer import EpochReport

SMALL = (
    "model.hidden_size=8",
    "model.char_hidden_size=8",
    "model.gcn_size=8",
    'model.sentiment_labels=["negative","neutral","positive"]',
    "max_tail_words=5",
)


class KilledError(Exception):
    """Stands for a kill."""


def arguments(folder: Path, *more: object) -> list[object]:
    tagged, felt, glove = write_corpora(folder)
    changes = [f"train={tagged},{felt}", f"dev={tagged},{felt}", *SMALL]
    options = [part for change in changes for part in ("--set", change)]
    places = ("--output", folder / "results", "--work", folder / "work", "--cache", folder / "cache")
    corpora = ("--glove", glove, "--test", f"{tagged},{felt}")
    return ["ablation", "--num-epochs", 2, *places, *corpora, *options, *more]


def results(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (folder / "results" / "runs").iterdir()}


def test_an_interrupted_ablation_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after an epoch of its third run, a second call repeats no finished run and no finished epoch."""
    epochs: list[tuple[str, int, int]] = []
    original = AblationRunner.run

    def spied(self: AblationRunner, row: Any, seed: int, inputs: Any, *, on_step: Any, on_epoch: Any) -> Any:
        def on_epoch_spied(report: EpochReport) -> None:
            epochs.append((row.name, seed, report.epoch))
            on_epoch(report)
            if len(epochs) == 5:
                raise KilledError

        return original(self, row, seed, inputs, on_step=on_step, on_epoch=on_epoch_spied)

    monkeypatch.setattr(AblationRunner, "run", spied)
    command = arguments(tmp_path, "--variants", "F,F-softmax", "--seeds", 2)
    with pytest.raises(KilledError):
        run(*command)
    before = results(tmp_path)
    assert set(before) == {"F-seed1", "F-softmax-seed1"}
    run(*command)
    after = results(tmp_path)
    assert set(after) == {"F-seed1", "F-softmax-seed1", "F-seed2", "F-softmax-seed2"}
    assert all(after[name] == content for name, content in before.items())
    assert epochs == [(row, seed, epoch) for seed in (1, 2) for row in ("F", "F-softmax") for epoch in (1, 2)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished ablation of two variants and an option, one of them with a parser."""
    folder = tmp_path_factory.mktemp("ablation")
    run(*arguments(folder, "--variants", "E,F,F-iobes", "--seeds", 1))
    return folder


def test_a_result_has_the_parts_that_the_report_needs(done: Path) -> None:
    """It has curves, scores on dev and test, parameters and versions; IOBES and BIO are trained differently."""
    plain, iobes = (orjson.loads(results(done)[f"{name}-seed1"]) for name in ("F", "F-iobes"))
    assert [epoch["epoch"] for epoch in plain["epochs"]] == [1, 2]
    assert set(next(iter(plain["test"].values()))) >= {"entity_f1", "token_weighted_f1"}
    assert plain["num_parameters"]["without_word_vectors"] < plain["num_parameters"]["all"]
    assert (plain["model"]["tag_scheme"], iobes["model"]["tag_scheme"]) == ("BIO", "IOBES")
    assert "torch" in plain["versions"]


def test_all_rows_are_measured_together(done: Path) -> None:
    """Each has a rate for the annotator and for the network alone, which is faster for E without the parsing."""
    rates = orjson.loads((done / "results" / "speed.json").read_bytes())["posts_per_second"]
    assert set(rates) == {"E", "F", "F-iobes"}
    assert rates["E"]["network"] > rates["E"]["annotator"] > 0


def test_a_report_needs_no_data_and_no_checkpoints(done: Path, tmp_path: Path) -> None:
    """--report-only makes the same report from the JSON files alone."""
    report = (done / "results" / "README.md").read_text()
    copy = tmp_path / "copy"
    for path in (done / "results").rglob("*.json"):
        target = copy / path.relative_to(done / "results")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    run(
        "ablation",
        "--report-only",
        "--output",
        copy,
        "--data",
        tmp_path / "none",
        "--work",
        tmp_path / "none",
    )
    assert (copy / "README.md").read_text() == report


def test_runs_with_other_settings_are_refused(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results of two epochs and of three cannot be compared; an unknown variant is refused too."""
    other = arguments(done, "--variants", "F", "--seeds", 2, "--set", "num_epochs=3")
    assert "made with other settings" in refused(capsys, *other)
    assert "unknown variants G" in refused(capsys, *arguments(done, "--variants", "F,G"))


def test_every_row_has_a_network() -> None:
    """Each option is one that the network knows, and the default rows are among all rows."""
    for row in ROWS.values():
        VARIANTS[row.variant].from_dict({**VARIANTS[row.variant].to_dict(), **row.model})
    assert {row.variant for row in ROWS.values()} == set("ABCDEF")
    assert set(DEFAULT_ROWS) <= set(ROWS)


def test_speeds_are_measured_again_for_other_settings(done: Path) -> None:
    """The file of speeds names their settings; the same settings are not measured twice."""
    path = done / "results" / "speed.json"
    measured = orjson.loads(path.read_bytes())
    command = arguments(done, "--variants", "E,F,F-iobes", "--seeds", 1)
    run(*command)
    assert orjson.loads(path.read_bytes()) == measured
    other = {**measured, "corpus": "other", "settings": {**measured["settings"], "F": "other"}}
    path.write_bytes(orjson.dumps(other))
    run(*command)
    after = orjson.loads(path.read_bytes())
    assert (after["settings"], after["corpus"]) == (measured["settings"], measured["corpus"])


def test_speeds_are_kept_if_one_of_their_networks_is_gone(done: Path) -> None:
    """Speeds measured without that network could not be compared with its own."""
    path = done / "results" / "speed.json"
    measured = orjson.loads(path.read_bytes())
    other = {**measured, "settings": {**measured["settings"], "F": "other", "A": "gone"}}
    path.write_bytes(orjson.dumps(other))
    run(*arguments(done, "--variants", "E,F,F-iobes", "--seeds", 1))
    assert orjson.loads(path.read_bytes()) == other
    path.write_bytes(orjson.dumps(measured))


def test_numbers_out_of_bounds_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 epochs are refused; they do not mean the default."""
    assert "num_epochs=0" in refused(capsys, "ablation", "--num-epochs", 0, "--output", tmp_path)
