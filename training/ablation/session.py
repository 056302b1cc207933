"""All rows of an ablation with all their seeds, and the folders in which their results are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from training.ablation.data import describe_data
from training.ablation.results import RunResult, read_result, read_results, result_path, write_result
from training.ablation.rows import Row, find_rows
from training.ablation.runner import AblationInputs, AblationRunner
from training.ablation.speed import SpeedTexts, measure_speed
from training.console import console
from training.corpora.labelled_text import LabelledText
from training.corpora.named import CORPORA, TEST_CORPORA, find_corpus
from training.errors import AblationError
from training.examples.glove import read_glove
from training.examples.store import FeatureStore, load_examples
from training.network.progress import EpochProgress
from training.network.recipe import Recipe
from training.network.run_inputs import RunInputs

DATA_FILE = "data.json"
SPEED_FILE = "speed.json"
_TESTED = {**CORPORA, **TEST_CORPORA}


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationPaths:
    """Folders and files that an ablation reads and writes."""

    output: Path
    work: Path
    data: Path
    cache: Path
    glove: Path


class AblationSession:
    """All rows with all seeds: makes the results that are missing and keeps those that are there."""

    def __init__(self, recipe: Recipe, paths: AblationPaths, test_names: Sequence[str], *, name: str) -> None:
        self._recipe = recipe
        self._paths = paths
        self._test_names = test_names
        self._store = FeatureStore(paths.cache, paths.data)
        self._runner = AblationRunner(recipe, paths.work, test_names, name=name)

    def run(self, rows: Sequence[Row], num_seeds: int) -> None:
        """Make every result that is missing, seed by seed: an ablation that is cut short still compares all rows."""
        self._check_names()
        self._check_results(rows, num_seeds)
        wanted = [(row, seed) for seed in range(1, num_seeds + 1) for row in rows]
        missing = [(r, s) for r, s in wanted if not result_path(self._paths.output, r.name, s).exists()]
        if not missing:
            return
        inputs = self._load()
        self._write(DATA_FILE, describe_data(self._rows(self._recipe.train), inputs.dev, inputs.test))
        for number, (row, seed) in enumerate(missing, start=1):
            console.print(f"[bold]{row.name}[/] seed {seed}: run {number} of {len(missing)}", highlight=False)
            write_result(self._paths.output, self._run(row, seed, inputs))

    def measure(self) -> None:
        """Measure the speed of all rows that have a checkpoint, unless that is done."""
        checkpoints = self._checkpoints(read_results(self._paths.output))
        settings = {name: self._runner.settings(row) for name in checkpoints for row in find_rows([name])}
        before = read_speed(self._paths.output).get("settings", {})
        # Only rows that were measured together compare: a row whose checkpoint is gone would lose its figure.
        if not checkpoints or settings.items() <= before.items() or before.keys() - checkpoints.keys():
            return
        [corpus, *_] = self._recipe.dev
        examples = load_examples(self._store, [corpus])[corpus]
        posts = SpeedTexts(
            corpus=corpus,
            texts=[row.text for row in self._rows([corpus])[corpus]],
            sentences=[example.sentence for example in examples],
        )
        measured = measure_speed(checkpoints, posts)
        self._write(SPEED_FILE, {"num_epochs": self._recipe.num_epochs, "settings": settings, **measured})

    def _check_names(self) -> None:
        """Raise RecipeError for an unknown corpus before any is loaded, which takes minutes."""
        for name in (*self._recipe.train, *self._recipe.dev):
            find_corpus(name)
        for name in self._test_names:
            find_corpus(name, _TESTED)

    def _check_results(self, rows: Sequence[Row], num_seeds: int) -> None:
        for row in rows:
            for seed in range(1, num_seeds + 1):
                path = result_path(self._paths.output, row.name, seed)
                if path.exists() and read_result(path).settings != self._runner.settings(row):
                    raise AblationError(
                        f"{path}: made with other settings: choose another --output or delete it"
                    )

    def _run(self, row: Row, seed: int, inputs: AblationInputs) -> RunResult:
        with EpochProgress(console, self._recipe.num_epochs) as progress:
            return self._runner.run(row, seed, inputs, on_step=progress.on_step, on_epoch=progress.on_epoch)

    def _load(self) -> AblationInputs:
        recipe = self._recipe
        return AblationInputs(
            training=RunInputs(
                train=load_examples(self._store, recipe.train),
                dev=load_examples(self._store, recipe.dev),
                pretrained=read_glove(self._paths.glove),
            ),
            dev=self._rows(recipe.dev),
            test=self._rows(self._test_names),
        )

    def _rows(self, names: Sequence[str]) -> dict[str, list[LabelledText]]:
        return {name: find_corpus(name, _TESTED).read(self._paths.data) for name in names}

    def _checkpoints(self, results: Sequence[RunResult]) -> dict[str, Path]:
        """Return the first seed's checkpoint of each row that still has it."""
        found: dict[str, Path] = {}
        for result in results:
            [row] = find_rows([result.row])
            folder = self._runner.folder(row, result.seed) / "checkpoint"
            if folder.exists():
                found.setdefault(result.row, folder)
        return found

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self._paths.output.mkdir(parents=True, exist_ok=True)
        (self._paths.output / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def read_speed(folder: Path) -> dict[str, Any]:
    """Read the speeds of a folder of results; empty if they were not measured, or come without the rows' settings."""
    speed = read_json(folder / SPEED_FILE)
    return speed if "settings" in speed else {}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, an empty one if the file is not there yet; raises AblationError."""
    try:
        content: dict[str, Any] = orjson.loads(path.read_bytes()) if path.exists() else {}
    except orjson.JSONDecodeError as error:
        raise AblationError(f"{path}: damaged ({error}): delete it and run again") from error
    return content
