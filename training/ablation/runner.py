"""One run of the ablation: train (or go on), score dev, and score the test splits once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from models import Annotator, Checkpoint, load_checkpoint
from training.ablation.results import RunResult, imperfect_texts
from training.ablation.rows import Row
from training.corpora.label_mapping import check_labels
from training.corpora.labelled_text import LabelledText
from training.corpora.named import guidelines_of
from training.network.optimisation import WORD_VECTORS
from training.network.recipe import Recipe
from training.network.run import TrainingRun, package_versions
from training.network.run_folder import RunFolder, read_metrics
from training.network.run_inputs import RunInputs
from training.network.trainer import EpochReport
from training.scoring.counts import count_entities, count_sentiments
from training.scoring.evaluation import score
from training.scoring.predictions import Predictions, predict

Rows = Mapping[str, Sequence[LabelledText]]

# Settings of a recipe that are newer than the results in the repository, each with the value that changes nothing.
_ADDED: Mapping[str, object] = {"use_sparse_word_steps": False, "repeats": {}, "variation": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationInputs:
    """What all runs share: parsed examples to train on, texts of the dev and test splits to score on."""

    training: RunInputs
    dev: Rows
    test: Rows


class AblationRunner:
    """Runs rows with seeds. Checkpoints and states go to a work folder, which the repository does not keep."""

    def __init__(self, recipe: Recipe, work: Path, test_names: Sequence[str], *, name: str) -> None:
        self._name = name
        self._recipe = recipe
        self._work = work
        self._test_names = tuple(test_names)

    def settings(self, row: Row) -> str:
        """Return a hash of the settings that decide a row's results, but for the seed.

        A setting of `_ADDED` is left out if it changes nothing, so that results from before it are still found.
        """
        recipe = self._row_recipe(row, seed=0).to_dict()
        recipe = {name: value for name, value in recipe.items() if _ADDED.get(name, ...) != value}
        content = [row.variant, recipe, self._test_names]
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]

    def folder(self, row: Row, seed: int) -> Path:
        """Return the folder in which a run keeps its checkpoint; other settings have another folder."""
        return self._work / f"{row.name}-seed{seed}-{self.settings(row)}"

    def run(
        self,
        row: Row,
        seed: int,
        inputs: AblationInputs,
        *,
        on_step: Callable[[int, int], None],
        on_epoch: Callable[[EpochReport], None],
    ) -> RunResult:
        """Train what is not trained yet, and score it; raises what `TrainingRun.run` raises."""
        self._check_labels(row, inputs)
        folder = self.folder(row, seed)
        if not RunFolder(folder).is_finished:
            recipe = self._row_recipe(row, seed)
            training = TrainingRun(row.variant, recipe, folder, name=f"{self._name}-{row.name}-seed{seed}")
            training.run(inputs.training, on_step=on_step, on_epoch=on_epoch)
        return self._score(row, seed, inputs)

    def _check_labels(self, row: Row, inputs: AblationInputs) -> None:
        """Raise LabelError if a corpus could not be scored, before anything is trained."""
        config = self._row_recipe(row, seed=0).model_config(row.variant)
        for name, rows in {**inputs.dev, **inputs.test}.items():
            advice = f"{name} cannot be scored by a network that is trained with these settings"
            types = {span.type for text in rows for span in text.entities or ()}
            check_labels(types, config.entity_types, advice=advice)
            sentiments = {text.sentiment for text in rows if text.sentiment}
            check_labels(sentiments, config.sentiment_labels, advice=advice)

    def _score(self, row: Row, seed: int, inputs: AblationInputs) -> RunResult:
        folder = self.folder(row, seed)
        annotator = Annotator(load_checkpoint(folder / "checkpoint"))
        tested = {
            name: predict(annotator, rows, guidelines=guidelines_of(name))
            for name, rows in inputs.test.items()
        }
        epochs = read_metrics(folder)
        return RunResult(
            row=row.name,
            seed=seed,
            settings=self.settings(row),
            recipe=self._row_recipe(row, seed).to_dict(),
            model=annotator.checkpoint.config.to_dict(),
            versions=package_versions(),
            num_parameters=_num_parameters(annotator.checkpoint),
            best_epoch=annotator.checkpoint.metadata["epoch"],
            train_seconds=sum(epoch["train_seconds"] for epoch in epochs),
            epochs=epochs,
            dev={
                name: score(predict(annotator, rows, guidelines=guidelines_of(name)))
                for name, rows in inputs.dev.items()
            },
            test={name: score(predictions) for name, predictions in tested.items()},
            imperfect={name: _imperfect(predictions) for name, predictions in tested.items()},
        )

    def _row_recipe(self, row: Row, seed: int) -> Recipe:
        return replace(self._recipe, seed=seed, model={**self._recipe.model, **row.model})


def _num_parameters(checkpoint: Checkpoint) -> dict[str, int]:
    sizes = {name: tensor.numel() for name, tensor in checkpoint.model.named_parameters()}
    vectors = sum(size for name, size in sizes.items() if name.startswith(WORD_VECTORS))
    return {"all": sum(sizes.values()), "without_word_vectors": sum(sizes.values()) - vectors}


def _imperfect(predictions: Predictions) -> list[list[int]]:
    if predictions.gold_tags:
        return imperfect_texts(count_entities(predictions.gold_tags, predictions.guessed_tags))
    return imperfect_texts(count_sentiments(predictions.gold_sentiments, predictions.guessed_sentiments))
